/**
 * What `fireweed._ext` makes, by name: each takes the arguments as they came off the wire and gives a value, or `undefined` if they are
 * not what it takes. None copies more than it is charged for, so that a hostile pickle cannot make much out of little.
 */
import * as Py from "../../Py.ts"
import { arrayMembers, isAligned, itemSize, members } from "./dtype.ts"

/** Arguments of a call to an extension. */
export type Arguments = ReadonlyArray<unknown>

/** Takes this much work off what the pickle may cause; false if there is no more. One unit is one byte, or one member looked at. */
export type Spend = (work: number) => boolean

/** Makes a value of so many arguments. */
export interface Extension {
  readonly arity: number
  readonly make: (args: Arguments, spend: Spend) => unknown
}

const of = (arity: number, make: Extension["make"]): Extension => ({ arity, make })

const isText = (u: unknown): u is string => typeof u === "string"
const isTextOrNull = (u: unknown): u is string | null => u === null || typeof u === "string"
const isWhole = (u: unknown): u is number => Number.isSafeInteger(u)
const isInt = (u: unknown): u is Py.Int => isWhole(u) || typeof u === "bigint"
const isFold = (u: unknown): u is 0 | 1 => u === 0 || u === 1
const isOffset = (u: unknown): u is number | null =>
  u === null || (typeof u === "number" && Number.isFinite(u))
const isBytes = (u: unknown): u is Uint8Array => u instanceof Uint8Array
const isList = (u: unknown): u is ReadonlyArray<unknown> => Array.isArray(u)
const isFields = (u: unknown): u is { readonly [name: string]: unknown } =>
  typeof u === "object" && u !== null && Object.getPrototypeOf(u) === Object.prototype
const isKind = (u: unknown): u is Py.PathKind =>
  u === "PosixPath" || u === "PurePosixPath" || u === "WindowsPath" || u === "PureWindowsPath"

const isEntry = (u: unknown): u is Py.Entry => isList(u) && u.length === 2
const isEntries = (u: unknown, spend: Spend): u is ReadonlyArray<Py.Entry> =>
  isList(u) && spend(u.length) && u.every(isEntry)

const MAX_DTYPE = 64
const MAX_AXES = 64

const isShape = (u: unknown): u is ReadonlyArray<number> =>
  isList(u) && u.length <= MAX_AXES && u.every((length) => isWhole(length) && length >= 0)

const uuidText = (bytes: Uint8Array): string => {
  let text = ""
  for (const [index, byte] of bytes.entries()) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += "-"
    text += byte.toString(16).padStart(2, "0")
  }
  return text
}

/** Every extension, by its name on the wire. */
export const extensions: ReadonlyMap<string, Extension> = new Map(
  Object.entries({
    datetime: of(10, ([year, month, day, hour, minute, second, microsecond, fold, offset, name]) => {
      if (!isWhole(year) || !isWhole(month) || !isWhole(day)) return
      if (!isWhole(hour) || !isWhole(minute) || !isWhole(second) || !isWhole(microsecond)) return
      if (!isFold(fold) || !isOffset(offset) || !isTextOrNull(name)) return
      const fields = { year, month, day, hour, minute, second, microsecond, fold, offset, zone: name }
      return new Py.DateTime(fields)
    }),
    date: of(3, ([year, month, day]) =>
      isWhole(year) && isWhole(month) && isWhole(day) ? new Py.Date(year, month, day) : undefined
    ),
    time: of(7, ([hour, minute, second, microsecond, fold, offset, name]) => {
      if (!isWhole(hour) || !isWhole(minute) || !isWhole(second) || !isWhole(microsecond)) return
      if (!isFold(fold) || !isOffset(offset) || !isTextOrNull(name)) return
      return new Py.Time({ hour, minute, second, microsecond, fold, offset, zone: name })
    }),
    timedelta: of(3, ([days, seconds, microseconds]) =>
      isWhole(days) && isWhole(seconds) && isWhole(microseconds)
        ? new Py.TimeDelta(days, seconds, microseconds)
        : undefined
    ),
    decimal: of(1, ([text]) => (isText(text) ? new Py.Decimal(text) : undefined)),
    fraction: of(2, ([numerator, denominator]) =>
      isInt(numerator) && isInt(denominator) ? new Py.Fraction(numerator, denominator) : undefined
    ),
    complex: of(2, ([real, imaginary]) =>
      typeof real === "number" && typeof imaginary === "number" ? new Py.Complex(real, imaginary) : undefined
    ),
    uuid: of(1, ([bytes]) =>
      isBytes(bytes) && bytes.length === 16 ? new Py.UUID(uuidText(bytes)) : undefined
    ),
    path: of(2, ([kind, text]) => (isKind(kind) && isText(text) ? new Py.Path(kind, text) : undefined)),
    range: of(3, ([start, stop, step]) =>
      isInt(start) && isInt(stop) && isInt(step) ? new Py.Range(start, stop, step) : undefined
    ),
    slice: of(3, ([start, stop, step]) => new Py.Slice(start, stop, step)),
    enum: of(4, ([module, type, name, value]) =>
      isText(module) && isText(type) && isTextOrNull(name)
        ? new Py.Enum(module, type, name, value)
        : undefined
    ),
    dataclass: of(3, ([module, type, fields]) =>
      isText(module) && isText(type) && isFields(fields) ? new Py.Dataclass(module, type, fields) : undefined
    ),
    namedtuple: of(4, ([module, type, names, values], spend) => {
      if (!isText(module) || !isText(type) || !isList(names) || !isList(values)) return
      if (names.length !== values.length || !spend(names.length) || !names.every(isText)) return
      return new Py.NamedTuple(module, type, names, values)
    }),
    ordereddict: of(1, ([pairs], spend) => (isEntries(pairs, spend) ? new Py.OrderedDict(pairs) : undefined)),
    defaultdict: of(2, ([factory, pairs], spend) =>
      isTextOrNull(factory) && isEntries(pairs, spend) ? new Py.DefaultDict(factory, pairs) : undefined
    ),
    counter: of(1, ([pairs], spend) => (isEntries(pairs, spend) ? new Py.Counter(pairs) : undefined)),
    deque: of(2, ([members, maxlen]) =>
      isList(members) && (maxlen === null || isWhole(maxlen)) ? new Py.Deque(members, maxlen) : undefined
    ),
    array: of(3, ([code, count, bytes], spend) => {
      if (!isText(code) || !isWhole(count) || !isBytes(bytes)) return
      if (!isAligned(bytes) && !spend(bytes.length)) return
      return arrayMembers(code, count, bytes)
    }),
    ndarray: of(4, ([dtype, shape, order, bytes], spend) => {
      if (!isText(dtype) || dtype.length > MAX_DTYPE || !isShape(shape) || !isBytes(bytes)) return
      if (order !== "C" && order !== "F") return
      const size = itemSize(dtype)
      if (size === undefined || shape.reduce((a, b) => a * b, size) !== bytes.length) return
      if (!isAligned(bytes) && !spend(bytes.length)) return
      return new Py.NdArray(dtype, shape, order, members(dtype, bytes))
    }),
    scalar: of(2, ([dtype, bytes]) => {
      if (!isText(dtype) || dtype.length > MAX_DTYPE || !isBytes(bytes)) return
      return itemSize(dtype) === bytes.length ? new Py.NumpyScalar(dtype, bytes) : undefined
    }),
    // A view of memory that ends with the call: its bytes are what is left.
    memoryview: of(1, ([bytes]) => (isBytes(bytes) ? bytes : undefined))
  })
)
