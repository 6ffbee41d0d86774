/**
 * Python values that have no exact twin in TypeScript, as immutable values: what a worker returns goes back unchanged, and what
 * Python expects can be made here.
 *
 * They are compared by what they hold: with Effect's `Equal`, and with every deep comparison of a test runner. `String(value)` is
 * what Python prints; `JSON.stringify` gives something readable, without promising to be lossless.
 *
 * ```ts
 * import { Py } from "@fireweed/worker-pool"
 *
 * const [width, height] = Py.tuple(640, 480)
 * console.log(width * height, String(Py.timeDelta({ hours: 36 })), Py.decimal("1.10").toNumber())
 * ```
 */
import type { NdArray, NumpyScalar } from "./internal/py/arrays.ts"
import type { Dataclass, Enum, NamedTuple } from "./internal/py/classes.ts"
import type {
  ByteArray,
  Counter,
  DefaultDict,
  Deque,
  FrozenSet,
  OrderedDict,
  Range,
  Slice,
  Tuple
} from "./internal/py/collections.ts"
import type { Path, UUID } from "./internal/py/names.ts"
import type { Complex, Decimal, Float, Fraction } from "./internal/py/numbers.ts"
import type { Date, DateTime, Time, TimeDelta } from "./internal/py/time.ts"
import { TypeId } from "./internal/py/value.ts"

export type { TypedArray } from "./protocol/pickle/dtype.ts"
export { NdArray, NumpyScalar, ndarray, numpyScalar } from "./internal/py/arrays.ts"
export type { Order } from "./internal/py/arrays.ts"
export { Dataclass, Enum, NamedTuple, dataclass, enumMember, namedTuple } from "./internal/py/classes.ts"
export {
  ByteArray,
  Counter,
  DefaultDict,
  Deque,
  FrozenSet,
  OrderedDict,
  Range,
  Slice,
  byteArray,
  counter,
  defaultDict,
  deque,
  frozenSet,
  isTuple,
  orderedDict,
  range,
  slice,
  tuple,
  tupleOf,
  tupleSlice
} from "./internal/py/collections.ts"
export type { Entry, Tuple } from "./internal/py/collections.ts"
export { Path, UUID, path, uuid } from "./internal/py/names.ts"
export type { PathKind } from "./internal/py/names.ts"
export {
  Complex,
  Decimal,
  Float,
  Fraction,
  complex,
  decimal,
  float,
  fraction
} from "./internal/py/numbers.ts"
export { Date, DateTime, Time, TimeDelta, date, dateTime, time, timeDelta } from "./internal/py/time.ts"
export type { DateTimeFields, TimeFields } from "./internal/py/time.ts"
export { TypeId } from "./internal/py/value.ts"
export type { Int } from "./internal/py/value.ts"

/** A value of this module. */
export type Any =
  | Tuple
  | Float
  | ByteArray
  | FrozenSet
  | DateTime
  | Date
  | Time
  | TimeDelta
  | Decimal
  | Fraction
  | Complex
  | UUID
  | Path
  | Range
  | Slice
  | Enum
  | Dataclass
  | NamedTuple
  | OrderedDict
  | DefaultDict
  | Counter
  | Deque
  | NdArray
  | NumpyScalar

/** Whether a value is one of this module. */
export const isPy = (u: unknown): u is Any => typeof u === "object" && u !== null && TypeId in u
