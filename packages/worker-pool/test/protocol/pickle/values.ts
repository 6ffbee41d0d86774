/** What the tests of the pickle codec share: chance with a seed, random values of the table, and a strict comparison. */
import { Py } from "./subject.ts"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export const chance = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const TEXTS = [
  "",
  "a",
  "key",
  "__proto__",
  "constructor",
  "é",
  "€😀",
  "a\ud800b",
  "\udc00",
  "\ufffd",
  "0",
  "10",
  "x".repeat(300),
  "é".repeat(90)
]
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  -(2 ** 31),
  2 ** 53 - 1,
  1 - 2 ** 53,
  2 ** 53,
  1.5,
  5e-324,
  1e300,
  Number.NaN,
  Infinity,
  -Infinity
]

/** Makes random values of the table. With `plain`, only those that have an opcode of their own. */
export const generator = (seed: number, plain = false) => {
  const random = chance(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const pick = <A>(from: readonly [A, ...ReadonlyArray<A>] | ReadonlyArray<A>): A => {
    const picked = from[below(from.length)]
    if (picked === undefined) throw new Error("nothing to pick from")
    return picked
  }
  const many = <A>(make: () => A): Array<A> => Array.from({ length: below(5) }, make)
  const bigint = (): bigint =>
    (random() < 0.5 ? -1n : 1n) * (2n ** BigInt(53 + below(200)) + BigInt(below(1e9)))
  const bytes = (): Uint8Array => Uint8Array.from(many(() => below(256)))
  const text = (): string => (random() < 0.7 ? pick(TEXTS) : `k${below(1000)}`)
  const whole = (n: number): number => 1 + below(n)
  /** The containers made so far, to be met again. */
  let made: Array<object> = []

  const atom = (): unknown => {
    switch (below(7)) {
      case 0:
        return null
      case 1:
        return random() < 0.5
      case 2:
        return pick(NUMBERS)
      case 3:
        return below(1e6) - 5e5
      case 4:
        return bigint()
      case 5:
        return text()
      default:
        return bytes()
    }
  }

  const time = () => ({
    hour: below(24),
    minute: below(60),
    second: below(60),
    microsecond: below(1e6),
    fold: random() < 0.1 ? (1 as const) : (0 as const),
    offset: pick([null, 0, 3600, -3600.5]),
    zone: null
  })

  const extension = (depth: number): unknown => {
    switch (below(18)) {
      case 0:
        return Py.dateTime({ year: whole(9999), month: whole(12), day: whole(28), ...time() })
      case 1:
        return Py.date(whole(9999), whole(12), whole(28))
      case 2:
        return Py.time(time())
      case 3:
        return Py.timeDelta({ days: below(1000) - 500, microseconds: below(1e9) })
      case 4:
        return Py.decimal(pick(["1.10", "-Infinity", "0E-7"]))
      case 5:
        return Py.fraction(below(100), pick([1, 7, bigint()]))
      case 6:
        return Py.complex(pick(NUMBERS), pick(NUMBERS))
      case 7:
        return Py.uuid("01234567-89ab-cdef-0123-456789abcdef")
      case 8:
        return Py.path("/tmp/x", "PurePosixPath")
      case 9:
        return Py.range(below(9), bigint(), 2)
      case 10:
        return Py.slice(value(depth), null, 1)
      case 11:
        return Py.enumMember("m", "E", pick(["A", null]), value(depth))
      case 12:
        return Py.dataclass("m", "C", object(depth))
      case 13:
        return Py.namedTuple("m", "N", { left: value(depth), right: value(depth) })
      case 14:
        return Py.orderedDict(many(() => Py.tuple(hashable(2), value(depth))))
      case 15:
        return Py.defaultDict(
          pick(["list", null]),
          many(() => Py.tuple(hashable(2), value(depth)))
        )
      case 16:
        return Py.deque(
          many(() => value(depth)),
          pick([null, 9])
        )
      default:
        return Py.ndarray(new Float32Array([below(9), 1.5]), Py.tuple(2, 1))
    }
  }

  const hashable = (depth: number): unknown => {
    if (depth <= 0 || random() < 0.7) {
      for (;;) {
        const key = atom()
        // Python has one key for each of these pairs.
        if (typeof key !== "boolean" && !Object.is(key, -0) && !Number.isNaN(key)) return key
      }
    }
    return random() < 0.5
      ? Py.tupleOf(many(() => hashable(depth - 1)))
      : Py.frozenSet(many(() => hashable(depth - 1)))
  }

  const object = (depth: number): { [key: string]: unknown } =>
    Object.fromEntries(many(() => [text(), value(depth)]))

  const value = (depth: number): unknown => {
    if (depth <= 0 || random() < 0.4) return atom()
    if (made.length > 0 && random() < 0.15) return pick(made)
    const below_ = depth - 1
    switch (below(plain ? 6 : 9)) {
      case 0:
      case 1: {
        const list: Array<unknown> = []
        made.push(list)
        list.push(...many(() => value(below_)))
        return list
      }
      case 2: {
        const dict: { [key: string]: unknown } = {}
        made.push(dict)
        for (const [key, member] of Object.entries(object(below_))) {
          Object.defineProperty(dict, key, {
            value: member,
            enumerable: true,
            writable: true,
            configurable: true
          })
        }
        return dict
      }
      case 3: {
        const map = new Map<unknown, unknown>()
        made.push(map)
        // At least one key that is no text, or it would come back as an object.
        map.set(below(100), value(below_))
        for (const key of many(() => hashable(2))) map.set(key, value(below_))
        return map
      }
      case 4:
        return Py.tupleOf(many(() => value(below_)))
      case 5:
        return random() < 0.5 ? new Set(many(() => hashable(2))) : Py.frozenSet(many(() => hashable(2)))
      case 6:
        return pick([
          new Float64Array([1.5, -0]),
          new Int16Array(3),
          new BigInt64Array([5n]),
          new Uint8ClampedArray(2)
        ])
      case 7:
        return Py.byteArray(bytes())
      default:
        return extension(below_)
    }
  }

  return (): unknown => {
    made = []
    return value(4)
  }
}

/**
 * Where two values differ, or `undefined`: types, order, `-0`, and which places hold the same object are all compared. With `viaPython` the
 * order of sets is not, nor whether bytes are the same object: Python keeps the one, and has but one empty `bytes`.
 */
export const difference = (left: unknown, right: unknown, viaPython = false): string | undefined => {
  // What cannot change may come back as a copy.
  const isFrozen = (value: object): boolean => Py.isPy(value) || (viaPython && value instanceof Uint8Array)
  const pairs = new Map<object, object>()
  const back = new Map<object, object>()
  const todo: Array<readonly [unknown, unknown, string]> = [[left, right, "value"]]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const [a, b, path] = next
    if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
      if (!Object.is(a, b)) return `${path}: ${String(a)} and ${String(b)}`
      continue
    }
    const known = pairs.get(a)
    if (known === b) continue
    if (known !== undefined && !isFrozen(a)) return `${path}: no longer the same object`
    if (back.get(b) !== undefined && !isFrozen(b)) return `${path}: the same object now`
    pairs.set(a, b)
    back.set(b, a)
    // The names of a named tuple, the shape of an array: a list made here is a tuple when it comes back.
    const isPart = Array.isArray(a) && Array.isArray(b) && /[.](shape|names)$/.test(path)
    if (!isPart && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: another type`
    const [inA, inB] = [parts(a, viaPython), parts(b, viaPython)]
    if (inA.length !== inB.length) return `${path}: ${inA.length} and ${inB.length} parts`
    for (const [index, [name, part]] of inA.entries()) {
      const [other, its] = inB[index] ?? []
      todo.push([part, its, `${path}.${String(name)}`])
      if (name !== other) todo.push([name, other, `${path} (a key)`])
    }
  }
  return undefined
}

/** The parts of a value, each with its key or its place. */
const parts = (value: object, unordered: boolean): ReadonlyArray<readonly [unknown, unknown]> => {
  if (value instanceof Map) return [...value]
  if (value instanceof Set && unordered) {
    return [...[...value].toSorted((a, b) => (keyText(a) < keyText(b) ? -1 : 1)).entries()]
  }
  if (value instanceof Set || Array.isArray(value)) return [...[...value].entries()]
  if (ArrayBuffer.isView(value)) {
    return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength).entries()]
  }
  return Object.entries(value)
}

/** The same text for keys that are one in Python, another for all others. */
export const keyText = (key: unknown): string => {
  if (typeof key === "string") return JSON.stringify(key)
  if (typeof key === "bigint") return `${key}n`
  if (key instanceof Uint8Array) return `bytes ${key.join(" ")}`
  if (Array.isArray(key)) return `(${key.map(keyText).join(", ")})`
  if (key instanceof Py.FrozenSet) return `{${[...key].map(keyText).toSorted().join(", ")}}`
  return String(key)
}
