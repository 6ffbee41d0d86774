import { assert, describe, it } from "@effect/vitest"
import { decode, Op, Py } from "./subject.ts"
import { difference } from "./values.ts"
import { vectors } from "./vectors.ts"

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))
const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
const noon = { month: 1, day: 2 }
const cyclic = <A extends object>(value: A, close: (value: A) => void): A => {
  close(value)
  return value
}
const inner = [1]
const listInTuple: Array<unknown> = []
const tupleInCycle = Py.tuple(listInTuple)
listInTuple.push(tupleInCycle)
const mapInCycle = cyclic(new Map<unknown, unknown>(), (map) =>
  map.set(1, map).set("in a tuple", Py.tuple(map)).set("same", map)
)

/** What each expression of `vectors.py` is in TypeScript. */
const expected: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["None", null],
  ["True", true],
  ["False", false],
  ["0", 0],
  ["255", 255],
  ["256", 256],
  ["65535", 65_535],
  ["65536", 65_536],
  ["-1", -1],
  ["2**31 - 1", 2 ** 31 - 1],
  ["-(2**31)", -(2 ** 31)],
  ["2**31", 2 ** 31],
  ["2**53 - 1", 2 ** 53 - 1],
  ["-(2**53) + 1", 1 - 2 ** 53],
  ["2**53", 2n ** 53n],
  ["2**64 - 1", 2n ** 64n - 1n],
  ["2**70", 2n ** 70n],
  ["-(2**70)", -(2n ** 70n)],
  ["1 << 2100", 1n << 2100n],
  ["1.5", 1.5],
  ["-0.0", -0],
  ["float('inf')", Infinity],
  ["float('nan')", Number.NaN],
  ["5e-324", 5e-324],
  ["2.0**53", 2 ** 53],
  ["''", ""],
  ["'a'", "a"],
  ["'h\\xe9'", "hé"],
  ["'\\u20ac\\U0001f600'", "€😀"],
  ["'a\\ud800b'", "a\ud800b"],
  ["'\\udfff'", "\udfff"],
  ["'\\ufffd'", "\ufffd"],
  ["'x' * 300", "x".repeat(300)],
  ["'\\0'", "\0"],
  ["b''", bytes("")],
  ["b'abc'", bytes("abc")],
  ["b'x' * 300", bytes("x".repeat(300))],
  ["bytearray(b'yz')", Py.byteArray(bytes("yz"))],
  ["[]", []],
  ["[1]", [1]],
  ["[1, 'two', None]", [1, "two", null]],
  ["list(range(1100))", upTo(1100)],
  ["[[], [[]]]", [[], [[]]]],
  ["()", Py.tuple()],
  ["(1,)", Py.tuple(1)],
  ["(1, 2)", Py.tuple(1, 2)],
  ["(1, 2, 3)", Py.tuple(1, 2, 3)],
  ["(1, 2, 3, 4)", Py.tuple(1, 2, 3, 4)],
  ["((), ((),))", Py.tuple(Py.tuple(), Py.tuple(Py.tuple()))],
  ["{}", {}],
  ["{'a': 1}", { a: 1 }],
  ["{'a': 1, 'b': [2]}", { a: 1, b: [2] }],
  [
    "{'__proto__': 1, 'constructor': 2, 'toString': 3}",
    Object.fromEntries([
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3]
    ])
  ],
  ["{1: 2}", new Map([[1, 2]])],
  [
    "{1: 2, 'a': 3}",
    new Map<unknown, unknown>([
      [1, 2],
      ["a", 3]
    ])
  ],
  [
    "{'a': 1, None: 2}",
    new Map([
      ["a", 1],
      [null, 2]
    ])
  ],
  ["{(1, 2): 3}", new Map([[Py.tuple(1, 2), 3]])],
  [
    "{**{str(i): i for i in range(1100)}, 7: 8}",
    new Map<unknown, unknown>([...upTo(1100).map((i): [unknown, unknown] => [String(i), i]), [7, 8]])
  ],
  ["{'k': {}, 'l': {1: {}}}", { k: {}, l: new Map([[1, {}]]) }],
  ["[{}, 1]", [{}, 1]],
  ["set()", new Set()],
  ["{1}", new Set([1])],
  ["frozenset()", Py.frozenSet([])],
  ["frozenset([1])", Py.frozenSet([1])],
  ["shared()", [inner, inner, { a: inner }, Py.tuple(inner)]],
  ["cycle()", cyclic<Array<unknown>>([1], (list) => list.push(list))],
  ["dict_cycle()", cyclic<{ [key: string]: unknown }>({ a: 1 }, (dict) => (dict["self"] = [dict]))],
  ["map_cycle()", [mapInCycle, mapInCycle]],
  ["tuple_cycle()", tupleInCycle],
  [
    "datetime.datetime(2020, 1, 2, 3, 4, 5, 6, fold=1)",
    Py.dateTime({ year: 2020, ...noon, hour: 3, minute: 4, second: 5, microsecond: 6, fold: 1 })
  ],
  [
    "datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)",
    Py.dateTime({ year: 1, month: 1, day: 1, offset: 0 })
  ],
  [
    "datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3601, microseconds=5)))",
    Py.dateTime({ year: 2020, ...noon, offset: -3600.999995 })
  ],
  [
    "datetime.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo('UTC'))",
    Py.dateTime({ year: 2020, ...noon, offset: 0, zone: "UTC" })
  ],
  ["datetime.date(1, 2, 3)", Py.date(1, 2, 3)],
  ["datetime.time(23, 59, 58, 7)", Py.time({ hour: 23, minute: 59, second: 58, microsecond: 7 })],
  ["datetime.timedelta(-1, 2, 3)", new Py.TimeDelta(-1, 2, 3)],
  ["decimal.Decimal('1.10')", Py.decimal("1.10")],
  ["fractions.Fraction(-1, 3)", Py.fraction(-1, 3)],
  ["complex(1, -0.0)", Py.complex(1, -0)],
  ["uuid.UUID('01234567-89ab-cdef-0123-456789abcdef')", Py.uuid("01234567-89AB-cdef-0123-456789abcdef")],
  ["pathlib.PurePosixPath('/tmp/x')", Py.path("/tmp/x", "PurePosixPath")],
  ["range(1, 9, 2)", Py.range(1, 9, 2)],
  ["slice(1, None, 'x')", Py.slice(1, null, "x")],
  ["Colour.RED", Py.enumMember("shapes", "Colour", "RED", 1)],
  ["Rights(3)", Py.enumMember("shapes", "Rights", null, 3)],
  ["Point(1, [2])", Py.dataclass("shapes", "Point", { x: 1, y: [2] })],
  ["Pair(1, [2])", Py.namedTuple("shapes", "Pair", { left: 1, right: [2] })],
  ["collections.OrderedDict([('b', 1), (2, 3)])", Py.orderedDict([Py.tuple("b", 1), Py.tuple(2, 3)])],
  ["collections.defaultdict(list, {1: [2]})", Py.defaultDict("list", [Py.tuple(1, [2])])],
  ["collections.Counter('aab')", Py.counter([Py.tuple("a", 2), Py.tuple("b", 1)])],
  ["collections.deque([1, 2], 3)", Py.deque([1, 2], 3)],
  ["collections.deque()", Py.deque([])],
  ["array.array('d', [1.5, -2.5])", new Float64Array([1.5, -2.5])],
  ["array.array('B', b'abc')", new Uint8ClampedArray(bytes("abc"))],
  ["array.array('q')", new BigInt64Array()],
  ["memoryview(b'abc')", bytes("abc")],
  ["[datetime.date(1, 2, 3), datetime.date(1, 2, 4)]", [Py.date(1, 2, 3), Py.date(1, 2, 4)]],
  [
    "Ndarray('<f4', (2, 2), 'F', 16)",
    Py.ndarray(new Float32Array(Uint8Array.from(upTo(16)).buffer), [2, 2], { order: "F" })
  ],
  ["Ndarray('<i8', (), 'C', 8)", Py.ndarray(new BigInt64Array([0x0706050403020100n]), [])],
  ["Scalar('<f4', b'\\0\\0\\xc0?')", Py.numpyScalar(new Float32Array([1.5]))],
  ["[1, 2] by LIST", [1, 2]],
  ["{'a': 1} by DICT", { a: 1 }],
  ["{1: 2} by DICT", new Map([[1, 2]])],
  ["[1] by APPEND", [1]],
  ["[1, 1] by BINPUT", [1, 1]],
  ["[1, 1] by LONG_BINPUT", [1, 1]],
  ["'abc' by BINUNICODE8", "abc"],
  ["b'abc' by BINBYTES8", bytes("abc")],
  ["1 by POP", 1],
  ["1 by POP of a mark", 1],
  ["1 by POP_MARK", 1],
  ["-1 by LONG1", -1],
  ["0 by LONG1", 0],
  ["[] by FRAME", []]
])

describe("what real Pythons wrote is read as what they meant", () => {
  for (const { buffers, meta, python, versions } of vectors) {
    it(`${python} of ${versions.join(", ")}`, () => {
      const read = decode(meta, buffers)
      if ("_tag" in read) return assert.fail(read.detail)
      assert.isTrue(expected.has(python), "the test says what it should be")
      assert.isUndefined(difference(expected.get(python), read.value))
    })
  }

  it("covers every opcode that is allowed", () => {
    const allowed = Object.keys(Op).filter((name) => name !== "PROTOCOL" && name !== "EXTENSIONS")
    const covered = new Set(vectors.flatMap(({ opcodes }) => opcodes))
    assert.deepStrictEqual(
      allowed.filter((name) => !covered.has(name)),
      []
    )
    assert.strictEqual(covered.size, allowed.length)
  })

  it("stays right when it is cut: a violation at every byte", () => {
    for (const { buffers, meta, python } of vectors) {
      for (let length = 0; length < meta.length; length++) {
        const read = decode(meta.subarray(0, length), buffers)
        assert.property(read, "_tag", `${python} cut at ${length}`)
      }
    }
  })

  it("is refused with bytes after the end, or with a buffer too many", () => {
    for (const { buffers, meta, python } of vectors) {
      assert.property(decode(Uint8Array.from([...meta, 0]), buffers), "_tag", python)
      assert.property(decode(meta, [...buffers, new Uint8Array(1)]), "_tag", python)
      if (buffers.length > 0) assert.property(decode(meta, buffers.slice(1)), "_tag", python)
    }
  })
})

const read = (python: string): unknown => {
  const vector = vectors.find((vector) => vector.python === python)
  const found = decode(vector?.meta ?? new Uint8Array(), vector?.buffers)
  if ("_tag" in found) throw new Error(found.detail)
  return found.value
}

describe("identity", () => {
  it("a dict with other keys that contains itself is one Map everywhere", () => {
    const value = read("map_cycle()")
    if (!Array.isArray(value)) return assert.fail("no list")
    const map: unknown = value[0]
    if (!(map instanceof Map)) return assert.fail("no Map")
    assert.strictEqual(value[1], map)
    assert.strictEqual(map.get(1), map)
    assert.strictEqual(map.get("same"), map)
    const [inTuple]: ReadonlyArray<unknown> = map.get("in a tuple")
    assert.strictEqual(inTuple, map)
  })

  it("no prototype is changed", () => {
    const value = read("{'__proto__': 1, 'constructor': 2, 'toString': 3}")
    assert.deepStrictEqual(Object.keys(Object(value)), ["__proto__", "constructor", "toString"])
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
    assert.strictEqual({}.constructor, Object)
  })
})
