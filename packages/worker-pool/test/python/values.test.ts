/** VALUES.md, held to by a real Python: every row of the table, both ways, by example and by chance. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { Py } from "@fireweed/worker-pool"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { chance, difference, generator, keyText } from "../protocol/pickle/values.ts"
import { pool, pythonWithNumpy } from "../support.ts"

noLeaks()

/** Where a value differs that came home. */
const Difference = { result: Schema.NullOr(Schema.String) }
const Text = { result: Schema.String }
const List = { result: Schema.Array(Schema.Unknown) }

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** Runs so many batches of so many values, several at once. */
const batches = <A, E>(count: number, size: number, run: (seed: number) => Effect.Effect<A, E>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index * size),
    run,
    { concurrency: 8 }
  )

/** Whether Python can hold the value: its classes are loaded there, and no two of its keys are one there. */
const isPortable = (root: unknown): boolean => {
  const seen = new Set<unknown>()
  const todo = [root]
  const areKeys = (keys: ReadonlyArray<unknown>): boolean => {
    todo.push(...keys)
    return new Set(keys.map(keyText)).size === keys.length
  }
  while (todo.length > 0) {
    const value = todo.pop()
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) continue
    seen.add(value)
    if (value instanceof Set && !areKeys([...value])) return false
    if (value instanceof Py.FrozenSet && !areKeys([...value])) return false
    if (value instanceof Map || value instanceof Py.OrderedDict || value instanceof Py.DefaultDict) {
      const entries: ReadonlyArray<readonly [unknown, unknown]> = [...value]
      if (!areKeys(entries.map(([key]) => key))) return false
      todo.push(...entries.map(([, member]) => member))
    } else if ("module" in value && value.module === "m") return false
    // Python brings a fraction to lowest terms, and has numpy or not: both are told of below.
    else if (value instanceof Py.Fraction || value instanceof Py.NdArray) return false
    else todo.push(...Object.values(value))
  }
  return true
}

/** Values of the table by chance; some are members of classes that the worker has. */
const portable = (seed: number) => {
  const next = generator(seed)
  const random = chance(seed)
  const value = (): unknown => {
    for (;;) {
      const made = next()
      if (isPortable(made)) return made
    }
  }
  const members = [
    () => Py.dataclass("values", "Point", { x: value(), y: value() }),
    () => Py.dataclass("values", "Frozen.Inner", { z: value() }),
    () => Py.namedTuple("values", "Pair", { left: value(), right: value() }),
    () => Py.enumMember("values", "Color", "BOTH", Py.tuple(1, "green")),
    () => Py.enumMember("values", "Access", null, 5),
    () => Py.fraction(2n ** 80n + 1n, 2),
    () => Py.counter([Py.tuple("a", 1), Py.tuple(Py.tuple(1), 2n ** 70n)])
  ]
  return (): unknown => {
    const member = random() < 0.2 ? members[Math.floor(random() * members.length)]?.() : value()
    return random() < 0.1 ? [member, { twice: member }] : member
  }
}

/** How many values meet themselves again below, and how many meet anything again. */
const meetings = (values: ReadonlyArray<unknown>) => {
  let cycles = 0
  let shared = 0
  for (const root of values) {
    const open = new Set<object>()
    const seen = new Set<object>()
    let meetsItself = false
    let meetsAgain = false
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return
      if (open.has(value)) meetsItself = true
      if (seen.has(value)) return void (meetsAgain = true)
      seen.add(value)
      open.add(value)
      for (const part of value instanceof Map ? value.values() : Object.values(value)) visit(part)
      open.delete(value)
    }
    visit(root)
    if (meetsItself) cycles++
    if (meetsAgain) shared++
  }
  return { cycles, shared }
}

/** The error of a call that the worker outlives. */
const refusalOf = (target: string, args: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const workers = yield* pool()
    yield* workers.call("values:identity", ["so that its classes are loaded"])
    const { pid } = (yield* workers.snapshot).workers[0] ?? {}
    const error = yield* Effect.flip(workers.call(target, args))
    assert.strictEqual(yield* workers.call("os:getpid"), pid)
    if (error._tag !== "InvalidCall") throw error
    return error
  })

/** What JSON carries, by chance. */
const jsonGenerator = (seed: number) => {
  const random = chance(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const texts = ["", "é€😀", '\0\u2028"\\', "__proto__", "\ud800", "a\udfff\ud83d"]
  const numbers = [0, -0, 1.5, -5e-324, 1e-300, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, -(2 ** 63), 1e22, -1e300]
  const atoms = [...texts, ...numbers]
  const key = (): string => ["a", "é", "__proto__", "10", "two words", "", "\udc00"][below(7)] ?? ""
  const value = (depth: number): unknown => {
    const choice = below(depth > 0 ? 7 : 4)
    if (choice === 0) return [null, true, false][below(3)]
    if (choice < 3) return atoms[below(atoms.length)]
    if (choice === 3) return random() * 10 ** below(15)
    if (choice < 6) return Array.from({ length: below(5) }, () => value(depth - 1))
    return Object.fromEntries(Array.from({ length: below(5) }, () => [key(), value(depth - 1)]))
  }
  return () => value(5)
}

describe("3,000 values by chance", () => {
  it.live(
    "of TypeScript are in Python what they were, and come home as they left",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const next = portable(3)
        const values = Array.from({ length: 3_000 }, next)
        const { cycles, shared } = meetings(values)
        assert.isAbove(cycles, 50)
        assert.isAbove(shared, 100)
        yield* Effect.forEach(
          values.entries(),
          ([index, value]) =>
            Effect.map(workers.call("values:identity", [value]), (home) =>
              assert.isUndefined(difference(value, home, true), `value ${index}`)
            ),
          { concurrency: 8 }
        )
      }),
    60_000
  )

  it.live(
    "of Python come home as they left, all but the exceptions that VALUES.md names",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const census = yield* workers.call("values:census", [0, 3_000], {
          result: Schema.Record(Schema.String, Schema.Int)
        })
        const types =
          "bool int float str bytes bytearray list tuple dict set frozenset datetime date time timedelta"
        const more =
          "Decimal Fraction complex UUID PosixPath PureWindowsPath range slice Color Level Access Point"
        const most = "Inner Pair Plain OrderedDict defaultdict Counter deque array memoryview NoneType"
        for (const type of `${types} ${more} ${most}`.split(" ")) assert.isAbove(census[type] ?? 0, 10, type)
        assert.isAbove(census["shared"] ?? 0, 100)
        yield* batches(3_000, 1, (seed) =>
          Effect.gen(function* () {
            const values = yield* workers.call("values:make", [seed])
            const where = yield* workers.call("values:check", [seed, values], Difference)
            assert.isNull(where, `seed ${seed}`)
          })
        )
        // And many in one message.
        const all = yield* workers.call("values:make", [10_000, 1_000])
        assert.isNull(yield* workers.call("values:check", [10_000, all], Difference))
      }),
    60_000
  )
})

const list: Array<unknown> = [1]
list.push(list)

/** A row of the table: a Python expression, what TypeScript sees, and what can be asked of it there. */
const rows: ReadonlyArray<readonly [expression: string, seen: unknown, ask?: (value: never) => unknown]> = [
  ["None", null],
  ["[True, False]", [true, false]],
  [
    "[0, -1, 255, 2**31, 2**53 - 1, 1 - 2**53]",
    [0, -1, 255, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  ],
  ["[2**53, -(2**53), 2**200]", [2n ** 53n, -(2n ** 53n), 2n ** 200n]],
  ["[1.5, -0.0, 2.0**53, 5e-324]", [1.5, -0, 2 ** 53, 5e-324]],
  [
    "[float('nan'), float('inf'), float('-inf')]",
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  ],
  ["[1.0, 0.0, -(2.0**53 - 1)]", [1, 0, Number.MIN_SAFE_INTEGER]],
  ["'a\\0é€😀' + '\\ud800' + 'b'", "a\0é€😀\ud800b"],
  ["b'\\x00\\xff'", new Uint8Array([0, 255])],
  ["bytearray(b'ab')", Py.byteArray(new Uint8Array([97, 98]))],
  ["[1, [2], []]", [1, [2], []]],
  ["(1, (), (2,))", Py.tuple(1, Py.tuple(), Py.tuple(2))],
  ["{'b': 1, 'a': {}}", { b: 1, a: {} }],
  ["{'__proto__': 1, 'constructor': 2}", JSON.parse('{"__proto__": 1, "constructor": 2}')],
  [
    "{1: 'a', None: 'b', ('x', 2): 'c', 'd': 'd'}",
    new Map<unknown, unknown>([
      [1, "a"],
      [null, "b"],
      [Py.tuple("x", 2), "c"],
      ["d", "d"]
    ])
  ],
  ["{1, 'a'}", new Set([1, "a"]), (value: Set<unknown>) => value.has("a")],
  ["frozenset([1])", Py.frozenSet([1]), (value: Py.FrozenSet) => value.has(1) && value.size === 1],
  [
    "datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)",
    Py.dateTime({ year: 2024, month: 2, day: 29, hour: 12, minute: 34, second: 56, microsecond: 789_012 }),
    (value: Py.DateTime) =>
      value.toISOString() === "2024-02-29T12:34:56.789012" &&
      Math.abs((value.toMillis() % 1_000) - 789.012) < 1e-3
  ],
  [
    "datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))",
    Py.dateTime({
      year: 2024,
      month: 10,
      day: 27,
      hour: 2,
      minute: 30,
      fold: 1,
      offset: 3600,
      zone: "Europe/Berlin"
    }),
    (value: Py.DateTime) => value.toDate().toISOString() === "2024-10-27T01:30:00.000Z"
  ],
  [
    "datetime.datetime(1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=-1.5)))",
    Py.dateTime({ year: 1, month: 1, day: 1, offset: -1.5 }),
    (value: Py.DateTime) => String(value) === "0001-01-01 00:00:00-00:00:01.500000"
  ],
  [
    "datetime.date(2024, 2, 29)",
    Py.date(2024, 2, 29),
    (value: Py.Date) => value.toDate().getTime() === Date.UTC(2024, 1, 29)
  ],
  [
    "datetime.time(1, 2, 3, 4, fold=1, tzinfo=datetime.timezone.utc)",
    Py.time({ hour: 1, minute: 2, second: 3, microsecond: 4, fold: 1, offset: 0 }),
    (value: Py.Time) => String(value) === "01:02:03.000004+00:00"
  ],
  [
    "datetime.timedelta(days=-1, microseconds=1)",
    Py.timeDelta({ days: -1, microseconds: 1 }),
    (value: Py.TimeDelta) =>
      value.toMillis() === -86_399_999.999 && String(value) === "-1 day, 0:00:00.000001"
  ],
  [
    "decimal.Decimal('1.10')",
    Py.decimal("1.10"),
    (value: Py.Decimal) => value.toNumber() === 1.1 && value.text === "1.10"
  ],
  [
    "fractions.Fraction(6, 4)",
    Py.fraction(3, 2),
    (value: Py.Fraction) => value.toNumber() === 1.5 && String(value) === "3/2"
  ],
  [
    "complex(1, -0.0)",
    Py.complex(1, -0),
    (value: Py.Complex) => value.real === 1 && Object.is(value.imaginary, -0)
  ],
  [
    "uuid.UUID('01234567-89ab-cdef-0123-456789abcdef')",
    Py.uuid("01234567-89AB-CDEF-0123-456789ABCDEF"),
    (value: Py.UUID) => value.text.startsWith("01234567-")
  ],
  ["pathlib.Path('/tmp/é')", Py.path("/tmp/é"), (value: Py.Path) => value.kind === "PosixPath"],
  ["pathlib.PureWindowsPath('C:/x')", Py.path("C:\\x", "PureWindowsPath")],
  ["range(5, 0, -2)", Py.range(5, 0, -2), (value: Py.Range) => [...value].join() === "5,3,1"],
  ["slice(1, None, 'x')", Py.slice(1, null, "x"), (value: Py.Slice) => value.step === "x"],
  [
    "Color.BOTH",
    Py.enumMember("values", "Color", "BOTH", Py.tuple(1, "green")),
    (value: Py.Enum) => value.name === "BOTH"
  ],
  ["Level.HIGH", Py.enumMember("values", "Level", "HIGH", 2)],
  ["Access.READ | Access.RUN", Py.enumMember("values", "Access", null, 5)],
  [
    "Point(1, [Point(2)])",
    Py.dataclass("values", "Point", { x: 1, y: [Py.dataclass("values", "Point", { x: 2, y: null })] }),
    (value: Py.Dataclass) => value.fields["x"] === 1 && value.type === "Point"
  ],
  ["Frozen.Inner(3)", Py.dataclass("values", "Frozen.Inner", { z: 3 })],
  [
    "Pair(1, (2,))",
    Py.namedTuple("values", "Pair", { left: 1, right: Py.tuple(2) }),
    (value: Py.NamedTuple) => value.toObject()["left"] === 1 && [...value].length === 2
  ],
  [
    "collections.OrderedDict([('b', 1), (1, 2)])",
    Py.orderedDict([Py.tuple("b", 1), Py.tuple(1, 2)]),
    (value: Py.OrderedDict) => value.toMap().get(1) === 2 && value.size === 2
  ],
  [
    "collections.defaultdict(list, {'a': [1]})",
    Py.defaultDict("list", [Py.tuple("a", [1])]),
    (value: Py.DefaultDict) => value.factory === "list"
  ],
  ["collections.Counter('aab')", Py.counter([Py.tuple("a", 2), Py.tuple("b", 1)])],
  [
    "collections.deque([1, 2, 3], maxlen=2)",
    Py.deque([2, 3], 2),
    (value: Py.Deque) => [...value].join() === "2,3" && value.maxlen === 2
  ],
  ["array.array('b', [-1])", new Int8Array([-1])],
  ["array.array('B', [255])", new Uint8ClampedArray([255])],
  ["array.array('h', [-2])", new Int16Array([-2])],
  ["array.array('H', [2])", new Uint16Array([2])],
  ["array.array('i', [-3])", new Int32Array([-3])],
  ["array.array('I', [3])", new Uint32Array([3])],
  ["array.array('l', [-4])", new BigInt64Array([-4n])],
  ["array.array('L', [4])", new BigUint64Array([4n])],
  ["array.array('q', [-(2**63)])", new BigInt64Array([-(2n ** 63n)])],
  ["array.array('Q', [2**64 - 1])", new BigUint64Array([2n ** 64n - 1n])],
  ["array.array('f', [1.5])", new Float32Array([1.5])],
  ["array.array('d', [1.5, -0.0])", new Float64Array([1.5, -0])],
  ["array.array('d')", new Float64Array(0)],
  ["memoryview(b'abcdef')[::2]", new Uint8Array([97, 99, 101])],
  ["(lambda a: (a.append(a), a)[1])([1])", list]
]

describe("each row of the table", () => {
  it.live("arrives as it says, and goes home as it was", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      for (const [expression, seen, ask] of rows) {
        const value = yield* workers.call("values:evaluate", [expression])
        assert.isUndefined(difference(seen, value, true), expression)
        if (ask !== undefined) assert.isTrue(Reflect.apply(ask, undefined, [value]), expression)
        assert.isNull(yield* workers.call("values:differs", [expression, value], Difference), expression)
        // What is made here is the same as what came.
        assert.isNull(yield* workers.call("values:differs", [expression, seen], Difference), expression)
      }
    })
  )

  it.live("goes out as it says, also what has another name here", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const cases: ReadonlyArray<readonly [value: unknown, repr: string]> = [
        [undefined, "None"],
        [[undefined, { a: undefined, b: 1 }], "[None, {'b': 1}]"],
        [1, "1"],
        [1n, "1"],
        [Py.float(1), "1.0"],
        [Py.float(-(2 ** 52)), "-4503599627370496.0"],
        [2 ** 53, "9007199254740992.0"],
        [-0, "-0.0"],
        [Number.NaN, "nan"],
        [
          new Date(Date.UTC(2024, 1, 29, 12, 0, 0, 7)),
          "datetime.datetime(2024, 2, 29, 12, 0, 0, 7000, tzinfo=datetime.timezone.utc)"
        ],
        [Buffer.from("ab"), "b'ab'"],
        [Uint8Array.from([97, 98]).buffer, "b'ab'"],
        [Uint8Array.from([1, 97, 98, 1]).subarray(1, 3), "b'ab'"],
        [Float64Array.from([9, 1.5, 9]).subarray(1, 2), "array('d', [1.5])"],
        [Object.assign(Object.create(null), { a: 1 }), "{'a': 1}"],
        [new Map([["a", 1]]), "{'a': 1}"],
        [Py.fraction(2, 4), "Fraction(1, 2)"],
        [
          Py.timeDelta({ hours: 36, milliseconds: -1.5 }),
          "datetime.timedelta(days=1, seconds=43199, microseconds=998500)"
        ],
        [Py.dataclass("values", "Point", { x: 1, y: 2 }), "Point(x=1, y=2)"]
      ]
      yield* workers.call("values:identity", ["so that its classes are loaded"])
      for (const [value, repr] of cases) {
        assert.strictEqual(yield* workers.call("builtins:repr", [value], Text), repr)
      }
    })
  )
})

describe("what cannot be carried is refused by type and path, and the worker serves the next call", () => {
  const fromPython: ReadonlyArray<readonly [expression: string, detail: RegExp]> = [
    ["[1, {'a': object()}]", /^result\[1\]\['a'\]: object/],
    ["{'f': [lambda: 1]}", /^result\['f'\]\[0\]: function/],
    ["Text('a')", /^result: values\.Text/],
    ["[ValueError('x')]", /^result\[0\]: ValueError/],
    ["Row('more')", /^result: values\.Row/],
    ["[(x for x in [])]", /^result\[0\]: generator/],
    ["{1: {object()}}", /^result\[1\]\{\.\.\.\}: object/],
    ["Point([object()])", /^result\.x\[0\]: object/],
    ["Pair(1, object())", /^result\.right: object/],
    ["collections.deque([object()])", /^result\[0\]: object/],
    [
      "collections.defaultdict(lambda: 1)",
      /^result: collections\.defaultdict \(a defaultdict whose factory is no builtin type\)/
    ],
    ["array.array('u', 'a')", /^result: array\.array \(an array of type code 'u'\)/],
    ["datetime.datetime(2024, 1, 1, tzinfo=Zone())", /^result: datetime\.datetime \(a zone of type Zone/],
    ["['\\ud83d' + '\\ude00']", /^result\[0\]: str with a high surrogate before a low one/],
    ["enum.Enum('Local', 'A').A", /Local is not a loaded Enum/],
    ["(lambda d: (d.append(d), d)[1])(collections.deque())", /^result.*collections\.deque/]
  ]
  for (const [expression, detail] of fromPython) {
    it.live(`from Python: ${expression}`, () =>
      Effect.map(refusalOf("values:evaluate", [expression]), (error) => {
        assert.strictEqual(error.reason, "result")
        assert.match(error.detail, detail)
      })
    )
  }

  class Custom {
    readonly a = 1
  }
  const cyclic: Array<unknown> = []
  const through = Py.deque([cyclic])
  cyclic.push(through)
  const fromTypeScript: ReadonlyArray<readonly [name: string, value: unknown, detail: string]> = [
    ["a function", { f: [() => 1] }, "args[0].f[0] is a function"],
    ["an instance of a class", [new Custom()], "args[0][0] is a Custom"],
    ["an invalid Date", new Date(Number.NaN), "args[0] is an invalid Date"],
    ["a key that can change", new Map([[[1], 1]]), "is a list as a key"],
    ["keys that are one in Python", new Set([1, true]), "is true beside 1"],
    [
      "an array of a wrong shape",
      Py.ndarray(new Float64Array(3), [2]),
      "args[0] is a Py.NdArray of 24 bytes"
    ],
    ["a cycle through what cannot change", through, "args[0][0][0] is a cycle through a Py.Deque"]
  ]
  for (const [name, value, detail] of fromTypeScript) {
    it.live(`from TypeScript: ${name}`, () =>
      Effect.map(refusalOf("values:identity", [value]), (error) => {
        assert.strictEqual(error.reason, "arguments")
        assert.strictEqual(error.started, "no")
        assert.include(error.detail, detail)
      })
    )
  }

  const byPython: ReadonlyArray<readonly [name: string, value: unknown, detail: string]> = [
    [
      "a dataclass that is not loaded",
      Py.dataclass("nowhere", "C", {}),
      "nowhere.C is not a loaded dataclass"
    ],
    ["a module that is loaded, and no dataclass of it", Py.dataclass("os", "system", {}), "os.system"],
    ["a field it does not have", Py.dataclass("values", "Point", { z: 1 }), "Point has no field z"],
    ["a member it does not have", Py.enumMember("values", "Color", "BLUE", 7), "Color has no such member"],
    [
      "other fields of a named tuple",
      Py.namedTuple("values", "Pair", { a: 1, b: 2 }),
      "Pair has other fields"
    ],
    ["a decimal that is none", Py.decimal("1,5"), "decimal"],
    ["a day that is none", Py.date(2023, 2, 29), "day"],
    ["a zone that is none", Py.dateTime({ year: 1, month: 1, day: 1, zone: "No/Where" }), "No/Where"],
    ["a fraction over nothing", Py.fraction(1, 0), "ZeroDivisionError"],
    ["a factory that is no builtin type", Py.defaultDict("eval"), "eval"]
  ]
  for (const [name, value, detail] of byPython) {
    it.live(`by Python: ${name}`, () =>
      Effect.map(refusalOf("values:identity", [[value]]), (error) => {
        assert.strictEqual(error.reason, "arguments")
        assert.strictEqual(error.started, "no")
        assert.include(error.detail, detail)
      })
    )
  }

  it.live("by Python: an array of numpy, where there is none", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      yield* workers.call("values:hide_numpy")
      const sent = Py.ndarray(new Float64Array(3))
      const error = yield* Effect.flip(workers.call("values:identity", [sent]))
      assert.strictEqual(error._tag === "InvalidCall" && error.reason, "arguments")
      assert.strictEqual(error.started, "no")
      assert.include(error.message, "numpy is not installed here")
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

describe("20 MB, each way", () => {
  const SIZE = 20_000_000 - (20_000_000 % 256)

  it.live(
    "of bytes",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const sent = Uint8Array.from({ length: SIZE }, (_, index) => index)
        assert.strictEqual(yield* workers.call("values:digest", [sent]), digest(sent))
        const came = yield* workers.call("values:large_bytes", [SIZE], {
          result: Schema.instanceOf(Uint8Array)
        })
        assert.strictEqual(came.length, SIZE)
        assert.strictEqual(digest(came), digest(sent))
        assert.strictEqual(yield* workers.call("values:digest", [came]), digest(sent))
      }),
    30_000
  )

  it.live(
    "of a Float64Array",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const sent = Float64Array.from({ length: SIZE / 8 }, (_, index) => index)
        assert.strictEqual(yield* workers.call("values:digest", [sent]), digest(bytesOf(sent)))
        const came = yield* workers.call("values:large_array", [SIZE / 8], {
          result: Schema.instanceOf(Float64Array)
        })
        assert.strictEqual(came.length, sent.length)
        assert.strictEqual(digest(bytesOf(came)), digest(bytesOf(sent)))
        assert.strictEqual(yield* workers.call("values:digest", [came]), digest(bytesOf(sent)))
      }),
    30_000
  )
})

it.live("an argument of a class that comes with the module of the target, which nobody has loaded", () =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const point = Py.dataclass("values", "Point", { x: 1, y: [2] })
    const refused = yield* Effect.flip(workers.call("copy:copy", [point]))
    assert.strictEqual(refused._tag === "InvalidCall" && refused.reason, "arguments")
    assert.match(refused.message, /values\.Point is not a loaded dataclass/)
    assert.isUndefined(difference(point, yield* workers.call("values:identity", [point])))
  })
)

describe("numpy", () => {
  const python = pythonWithNumpy()
  const NdArrays = { result: Schema.Array(Schema.instanceOf(Py.NdArray)) }

  /** The test, or what holds where no Python has numpy. */
  const numpy = (name: string, test: (workers: WorkerPool.WorkerPool) => Effect.Effect<void, unknown>) =>
    it.live(name, () =>
      Effect.gen(function* () {
        const workers = yield* pool({ python })
        if (python !== undefined) return yield* test(workers)
        const error = yield* Effect.flip(workers.call("values:identity", [Py.ndarray(new Float64Array(3))]))
        assert.strictEqual(error._tag === "InvalidCall" && error.reason, "arguments")
        assert.include(error.message, "numpy is not installed here")
      })
    )

  const dtypes: ReadonlyArray<readonly [dtype: string, seen: string, data: object]> = [
    ["?", "|b1", Uint8Array],
    ["i1", "|i1", Int8Array],
    ["u1", "|u1", Uint8Array],
    ["<i2", "<i2", Int16Array],
    ["<u2", "<u2", Uint16Array],
    ["<i4", "<i4", Int32Array],
    ["<u4", "<u4", Uint32Array],
    ["<i8", "<i8", BigInt64Array],
    ["<u8", "<u8", BigUint64Array],
    ["<f2", "<f2", Uint16Array],
    ["<f4", "<f4", Float32Array],
    ["<f8", "<f8", Float64Array],
    ["<c8", "<c8", Float32Array],
    ["<c16", "<c16", Float64Array],
    [">i4", ">i4", Uint8Array],
    [">f8", ">f8", Uint8Array],
    ["<M8[ms]", "<M8[ms]", BigInt64Array],
    ["<m8[us]", "<m8[us]", BigInt64Array],
    ["S3", "|S3", Uint8Array],
    ["<U2", "<U2", Uint8Array],
    ["V4", "|V4", Uint8Array]
  ]
  numpy("arrays of every dtype, shape, order and stride, there and back, in no copy", (workers) =>
    Effect.gen(function* () {
      for (const [dtype, seen, data] of dtypes) {
        const arrays = yield* workers.call("values:arrays", [dtype], NdArrays)
        assert.isAbove(arrays.length, 30)
        const whole = arrays[0]?.data.buffer
        for (const array of arrays) {
          assert.strictEqual(array.dtype, seen)
          assert.strictEqual(array.data.constructor, data, dtype)
          assert.strictEqual(array.data.buffer, whole, `${dtype}: a view of the one frame they all came in`)
          assert.strictEqual(
            array.size,
            array.shape.reduce((a, b) => a * b, 1)
          )
        }
        assert.isTrue(arrays.some(({ order }) => order === "F"))
        assert.isTrue(arrays.some(({ shape }) => shape.length === 0))
        assert.isNull(yield* workers.call("values:differing_arrays", [dtype, arrays], Difference), dtype)
      }
    })
  )

  numpy("scalars, and what they stand for", (workers) =>
    Effect.gen(function* () {
      const scalars = yield* workers.call("values:scalars", [], List)
      assert.isTrue(scalars.every((scalar) => scalar instanceof Py.NumpyScalar))
      assert.isNull(yield* workers.call("values:differing_scalars", [scalars], Difference))
      const expressions: ReadonlyArray<readonly [expression: string, value: unknown]> = [
        ["numpy.float32(1.5)", 1.5],
        ["numpy.float64(1)", 1],
        ["numpy.int64(-(2**63))", -(2n ** 63n)],
        ["numpy.int64(5)", 5],
        ["numpy.uint8(255)", 255],
        ["numpy.bool_(True)", true]
      ]
      for (const [expression, value] of expressions) {
        const scalar = yield* workers.call("values:evaluate", [expression])
        assert.isTrue(scalar instanceof Py.NumpyScalar && Object.is(scalar.value, value), expression)
        assert.isTrue(scalar instanceof Py.NumpyScalar && scalar.toNumber() === Number(value))
      }
    })
  )

  numpy("arrays made here", (workers) =>
    Effect.gen(function* () {
      const data = Float64Array.from({ length: 6 }, (_, index) => index)
      const cases: ReadonlyArray<readonly [array: Py.NdArray, seen: ReadonlyArray<unknown>]> = [
        [Py.ndarray(data), ["<f8", [6], "C", [0, 1, 2, 3, 4, 5]]],
        [
          Py.ndarray(data, [2, 3]),
          [
            "<f8",
            [2, 3],
            "C",
            [
              [0, 1, 2],
              [3, 4, 5]
            ]
          ]
        ],
        [
          Py.ndarray(data, [2, 3], { order: "F" }),
          [
            "<f8",
            [2, 3],
            "F",
            [
              [0, 2, 4],
              [1, 3, 5]
            ]
          ]
        ],
        [Py.ndarray(new Uint8Array([1, 0]), [2], { dtype: "|b1" }), ["|b1", [2], "C", [true, false]]],
        [Py.ndarray(new Int32Array(0), [0, 3]), ["<i4", [0, 3], "C", []]]
      ]
      for (const [array, seen] of cases) {
        assert.deepStrictEqual(yield* workers.call("values:describe", [array]), ["ndarray", ...seen])
      }
      for (const length of [6, 60_000]) {
        const written = yield* workers.call("operator:setitem", [Py.ndarray(new Float64Array(length)), 0, 1])
        assert.isNull(written, "whatever its size, Python may write to it")
      }
    })
  )

  numpy("20 MB there and back", (workers) =>
    Effect.gen(function* () {
      const data = Float64Array.from({ length: 2_500_000 }, (_, index) => index)
      const home = yield* workers.call("values:identity", [Py.ndarray(data, [2_500, 1_000])], {
        result: Schema.instanceOf(Py.NdArray)
      })
      assert.strictEqual(digest(bytesOf(home.data)), digest(bytesOf(data)))
      assert.deepStrictEqual([...home.shape], [2_500, 1_000])
    })
  )

  const refused = [
    "numpy.array([object()])",
    "numpy.zeros(2, [('a', 'i4')])",
    "numpy.ma.array([1])",
    "numpy.matrix([1])",
    "numpy.zeros(1, [('a', 'i4'), ('b', 'f8')])[0]",
    "numpy.zeros(1, [('a', object)])[0]",
    "numpy.bytes_(b'a\\0')",
    "numpy.str_('a\\0')"
  ]
  numpy("refused: what has objects or fields in it, and subclasses", (workers) =>
    Effect.gen(function* () {
      for (const expression of refused) {
        const error = yield* Effect.flip(workers.call("values:evaluate", [`[${expression}]`]))
        assert.strictEqual(error._tag === "InvalidCall" && error.reason, "result", expression)
        assert.match(error.message, /result\[0\]: numpy/)
      }
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

describe("with JSON", () => {
  const options: WorkerPool.Options = { codec: "json" }

  it.live(
    "2,000 values of TypeScript come home as they left",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool(options)
        const next = jsonGenerator(5)
        yield* batches(2_000, 1, (index) => {
          const value = next()
          return Effect.map(workers.call("values:identity", [value]), (home) =>
            assert.isUndefined(difference(value, home), `value ${index}`)
          )
        })
      }),
    30_000
  )

  it.live(
    "2,000 values of Python come home as they left",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool(options)
        yield* batches(200, 10, (seed) =>
          Effect.gen(function* () {
            const values = yield* workers.call("values:make_json", [seed, 10])
            assert.isNull(
              yield* workers.call("values:check_json", [seed, values], Difference),
              `seed ${seed}`
            )
          })
        )
      }),
    30_000
  )

  it.live("the rest of the table is refused, by path, either way", () =>
    Effect.gen(function* () {
      const workers = yield* pool(options)
      const plain =
        /^(None|\[True, False\]|\[1, \[2\], \[\]\]|\{'b'|\{'__proto__'|\[1\.0|\[0, -1|\[1\.5|\(1, \()/
      const refused = rows.filter(([expression]) => !plain.test(expression) && !expression.startsWith("'a"))
      assert.isAbove(refused.length, 40)
      for (const [expression, seen] of refused) {
        const there = yield* Effect.flip(workers.call("values:evaluate", [`[${expression}]`]))
        assert.strictEqual(there._tag === "InvalidCall" && there.reason, "result", expression)
        assert.match(there.message, /result\[0\]/, expression)
        const here = yield* Effect.flip(workers.call("values:identity", [{ rows: [seen] }]))
        assert.strictEqual(here._tag === "InvalidCall" && here.reason, "arguments", expression)
        assert.strictEqual(here.started, "no")
        assert.include(here.message, "args[0].rows[0]", expression)
      }
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("a tuple arrives as an array, as the codec says", () =>
    Effect.gen(function* () {
      const workers = yield* pool(options)
      assert.deepStrictEqual(yield* workers.call("values:evaluate", ["(1, ())"]), [1, []])
      assert.deepStrictEqual(yield* workers.call("values:identity", [[undefined, { a: undefined }]]), [
        null,
        {}
      ])
    })
  )
})
