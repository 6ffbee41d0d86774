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
import { dtypeOf, itemSize, members } from "./protocol/pickle/dtype.ts"
import type { TypedArray } from "./protocol/pickle/dtype.ts"

export type { TypedArray }

/** The mark that every value of this module has. */
export const TypeId = "~fireweed/Py" as const

/** A whole number: `bigint` beyond 2^53 - 1. */
export type Int = number | bigint

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

abstract class Value {
  get [TypeId](): typeof TypeId {
    return TypeId
  }
}

/**
 * A `tuple`: a frozen array, which destructures, iterates and passes a `Schema.Array` like any other. `map`, `filter` and the like give
 * plain arrays.
 */
export type Tuple<A extends ReadonlyArray<unknown> = ReadonlyArray<unknown>> = Readonly<A> & {
  readonly [TypeId]: typeof TypeId
  readonly _tag: "Tuple"
}

class TupleArray extends Array<unknown> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }
  get [TypeId](): typeof TypeId {
    return TypeId
  }
  get _tag(): "Tuple" {
    return "Tuple"
  }
}

/** Makes a `tuple` of its arguments. */
export function tuple<const A extends ReadonlyArray<unknown>>(...members: A): Tuple<A>
export function tuple(...members: ReadonlyArray<unknown>): Tuple {
  return tupleOf(members)
}

/** Makes a `tuple` of the members of an array. */
export const tupleOf = (members: ReadonlyArray<unknown>): Tuple => tupleSlice(members, 0, members.length)

/** Makes a `tuple` of a part of an array. */
export const tupleSlice = (source: ReadonlyArray<unknown>, start: number, end: number): Tuple =>
  // Several times faster than the constructor of a class that extends Array.
  Object.freeze(Object.setPrototypeOf(source.slice(start, end), TupleArray.prototype))

/** Whether a value is a `tuple`. */
export const isTuple = (u: unknown): u is Tuple => u instanceof TupleArray

/** A number that goes out as `float` even if it is whole. Python's floats arrive as plain numbers. */
export class Float extends Value {
  readonly _tag = "Float" as const
  readonly value: number
  constructor(value: number) {
    super()
    this.value = value
  }
  toNumber(): number {
    return this.value
  }
  override toString(): string {
    return Number.isInteger(this.value) ? this.value.toFixed(1) : String(this.value)
  }
  toJSON(): number {
    return this.value
  }
}

/** Makes a `float`, also of a whole number: `Py.float(1)` is `1.0`. */
export const float = (value: number): Float => new Float(value)

/** A `bytearray`. */
export class ByteArray extends Value {
  readonly _tag = "ByteArray" as const
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }
  toJSON(): ReadonlyArray<number> {
    return [...this.bytes]
  }
}

/** Makes a `bytearray` of these bytes, which are not copied. */
export const byteArray = (bytes: Uint8Array): ByteArray => new ByteArray(bytes)

/** A `frozenset`. Members that are no primitives are told apart by identity. */
export class FrozenSet extends Value implements Iterable<unknown> {
  readonly _tag = "FrozenSet" as const
  readonly members: ReadonlySet<unknown>
  constructor(members: ReadonlySet<unknown>) {
    super()
    this.members = members
  }
  get size(): number {
    return this.members.size
  }
  has(member: unknown): boolean {
    return this.members.has(member)
  }
  [Symbol.iterator](): IterableIterator<unknown> {
    return this.members.values()
  }
  toJSON(): ReadonlyArray<unknown> {
    return [...this.members]
  }
}

/** Makes a `frozenset`. */
export const frozenSet = (members: Iterable<unknown>): FrozenSet => new FrozenSet(new Set(members))

/** A `date`. Months count from 1. */
export class Date extends Value {
  readonly _tag = "Date" as const
  readonly year: number
  readonly month: number
  readonly day: number
  constructor(year: number, month: number, day: number) {
    super()
    this.year = year
    this.month = month
    this.day = day
  }
  /** Midnight in UTC. */
  toDate(): globalThis.Date {
    return new globalThis.Date(millis(this.year, this.month, this.day, 0))
  }
  /** As ISO 8601, which is also what Python prints. */
  override toString(): string {
    return `${pad(this.year, 4)}-${pad(this.month)}-${pad(this.day)}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `date`. */
export const date = (year: number, month: number, day: number): Date => new Date(year, month, day)

/** What a time of day and its zone are made of. What is left out is 0, or no zone. */
export interface TimeFields {
  readonly hour?: number
  readonly minute?: number
  readonly second?: number
  readonly microsecond?: number
  /** 1 for the second of two equal wall times, when clocks are put back. */
  readonly fold?: 0 | 1
  /** Seconds east of UTC; `null` for a naive time. */
  readonly offset?: number | null
  /** Key of a `ZoneInfo`, such as `Europe/Berlin`; Python then finds the offset itself. */
  readonly zone?: string | null
}

/** A `time`, naive or aware. */
export class Time extends Value {
  readonly _tag = "Time" as const
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly zone: string | null
  constructor(fields: TimeFields) {
    super()
    this.hour = fields.hour ?? 0
    this.minute = fields.minute ?? 0
    this.second = fields.second ?? 0
    this.microsecond = fields.microsecond ?? 0
    this.fold = fields.fold ?? 0
    this.offset = fields.offset ?? null
    this.zone = fields.zone ?? null
  }
  /** As ISO 8601, which is also what Python prints. */
  override toString(): string {
    return clock(this) + offsetText(this.offset)
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `time`. */
export const time = (fields: TimeFields): Time => new Time(fields)

/** What a `datetime` is made of. What is left out of the time is 0, or no zone. */
export interface DateTimeFields extends TimeFields {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** A `datetime`, naive or aware, to the microsecond. */
export class DateTime extends Value {
  readonly _tag = "DateTime" as const
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly zone: string | null
  constructor(fields: DateTimeFields) {
    super()
    this.year = fields.year
    this.month = fields.month
    this.day = fields.day
    this.hour = fields.hour ?? 0
    this.minute = fields.minute ?? 0
    this.second = fields.second ?? 0
    this.microsecond = fields.microsecond ?? 0
    this.fold = fields.fold ?? 0
    this.offset = fields.offset ?? null
    this.zone = fields.zone ?? null
  }
  /** Milliseconds since 1970, with a fraction for the microseconds. A naive one is taken as UTC. */
  toMillis(): number {
    const seconds = this.hour * 3600 + this.minute * 60 + this.second - (this.offset ?? 0)
    return millis(this.year, this.month, this.day, seconds) + this.microsecond / 1000
  }
  /** The instant, without the microseconds. A naive one is taken as UTC. */
  toDate(): globalThis.Date {
    return new globalThis.Date(Math.floor(this.toMillis()))
  }
  /** As ISO 8601. */
  toISOString(): string {
    return this.toString().replace(" ", "T")
  }
  override toString(): string {
    return `${pad(this.year, 4)}-${pad(this.month)}-${pad(this.day)} ${clock(this)}${offsetText(this.offset)}`
  }
  toJSON(): string {
    return this.toISOString()
  }
}

/** Makes a `datetime`. A plain `Date` needs none: it goes out as an aware `datetime` in UTC. */
export const dateTime = (fields: DateTimeFields): DateTime => new DateTime(fields)

/** A `timedelta`, as Python keeps it: seconds from 0 to 86 399 and microseconds from 0 to 999 999; the days have the sign. */
export class TimeDelta extends Value {
  readonly _tag = "TimeDelta" as const
  readonly days: number
  readonly seconds: number
  readonly microseconds: number
  constructor(days: number, seconds: number, microseconds: number) {
    super()
    this.days = days
    this.seconds = seconds
    this.microseconds = microseconds
  }
  /** Milliseconds, with a fraction for the microseconds. */
  toMillis(): number {
    return (this.days * 86_400 + this.seconds) * 1000 + this.microseconds / 1000
  }
  override toString(): string {
    const { days, microseconds, seconds } = this
    const time = `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
    const fraction = microseconds === 0 ? "" : `.${pad(microseconds, 6)}`
    return `${days === 0 ? "" : `${days} day${Math.abs(days) === 1 ? "" : "s"}, `}${time}${fraction}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `timedelta` from a sum of units; a negative or a fraction of one is fine. */
export const timeDelta = (units: {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly milliseconds?: number
  readonly microseconds?: number
}): TimeDelta => {
  const { days = 0, hours = 0, microseconds = 0, milliseconds = 0, minutes = 0, seconds = 0 } = units
  const wholeDays = Math.floor(days)
  const rest = (days - wholeDays) * 86_400 + hours * 3600 + minutes * 60 + seconds
  const wholeSeconds = Math.floor(rest)
  const micros = Math.round((rest - wholeSeconds) * 1e6 + milliseconds * 1000 + microseconds)
  const total = wholeSeconds + Math.floor(micros / 1e6)
  return new TimeDelta(wholeDays + Math.floor(total / 86_400), mod(total, 86_400), mod(micros, 1e6))
}

/** A `Decimal`, as text: `1.10` is not `1.1`, as in Python's `repr`. */
export class Decimal extends Value {
  readonly _tag = "Decimal" as const
  readonly text: string
  constructor(text: string) {
    super()
    this.text = text
  }
  /** The nearest number. */
  toNumber(): number {
    return Number(this.text.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"))
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a `Decimal`. */
export const decimal = (value: string | Int): Decimal => new Decimal(String(value))

/** A `Fraction`. Those that come from Python are in lowest terms. */
export class Fraction extends Value {
  readonly _tag = "Fraction" as const
  readonly numerator: Int
  readonly denominator: Int
  constructor(numerator: Int, denominator: Int) {
    super()
    this.numerator = numerator
    this.denominator = denominator
  }
  /** The quotient, as near as a number comes. */
  toNumber(): number {
    return Number(this.numerator) / Number(this.denominator)
  }
  override toString(): string {
    return Number(this.denominator) === 1 ? `${this.numerator}` : `${this.numerator}/${this.denominator}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `Fraction`; Python brings it to lowest terms. */
export const fraction = (numerator: Int, denominator: Int = 1): Fraction =>
  new Fraction(numerator, denominator)

/** A `complex`. */
export class Complex extends Value {
  readonly _tag = "Complex" as const
  readonly real: number
  readonly imaginary: number
  constructor(real: number, imaginary: number) {
    super()
    this.real = real
    this.imaginary = imaginary
  }
  override toString(): string {
    const negative = this.imaginary < 0 || Object.is(this.imaginary, -0)
    return `(${this.real}${negative ? "-" : "+"}${Math.abs(this.imaginary)}j)`
  }
  toJSON(): { readonly real: number; readonly imaginary: number } {
    return { real: this.real, imaginary: this.imaginary }
  }
}

/** Makes a `complex`. */
export const complex = (real: number, imaginary = 0): Complex => new Complex(real, imaginary)

/** A `UUID`, as text of 36 characters in lower case. */
export class UUID extends Value {
  readonly _tag = "UUID" as const
  readonly text: string
  constructor(text: string) {
    super()
    this.text = text
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a `UUID` of its text. */
export const uuid = (text: string): UUID => new UUID(text.toLowerCase())

/** Which class of `pathlib` a path is. */
export type PathKind = "PosixPath" | "PurePosixPath" | "WindowsPath" | "PureWindowsPath"

/** A path of `pathlib`. */
export class Path extends Value {
  readonly _tag = "Path" as const
  readonly kind: PathKind
  readonly text: string
  constructor(kind: PathKind, text: string) {
    super()
    this.kind = kind
    this.text = text
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a path; `kind` defaults to `PosixPath`. */
export const path = (text: string, kind: PathKind = "PosixPath"): Path => new Path(kind, text)

/** A `range`. */
export class Range extends Value implements Iterable<Int> {
  readonly _tag = "Range" as const
  readonly start: Int
  readonly stop: Int
  readonly step: Int
  constructor(start: Int, stop: Int, step: Int) {
    super()
    this.start = start
    this.stop = stop
    this.step = step
  }
  /** Its members, in order. */
  *[Symbol.iterator](): Generator<Int, void> {
    const step = BigInt(this.step)
    const stop = BigInt(this.stop)
    for (let at = BigInt(this.start); step > 0n ? at < stop : step < 0n && at > stop; at += step)
      yield int(at)
  }
  override toString(): string {
    return `range(${this.start}, ${this.stop}${Number(this.step) === 1 ? "" : `, ${this.step}`})`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `range`; `step` defaults to 1. */
export const range = (start: Int, stop: Int, step: Int = 1): Range => new Range(start, stop, step)

/** A `slice`. */
export class Slice extends Value {
  readonly _tag = "Slice" as const
  readonly start: unknown
  readonly stop: unknown
  readonly step: unknown
  constructor(start: unknown, stop: unknown, step: unknown) {
    super()
    this.start = start
    this.stop = stop
    this.step = step
  }
}

/** Makes a `slice`; what is left out is `None`. */
export const slice = (start: unknown, stop: unknown = null, step: unknown = null): Slice =>
  new Slice(start, stop, step)

/** A member of an `Enum` of the module `module`. */
export class Enum extends Value {
  readonly _tag = "Enum" as const
  readonly module: string
  /** Qualified name of the class. */
  readonly type: string
  /** Name of the member; `null` for a combination of flags. */
  readonly name: string | null
  readonly value: unknown
  constructor(module: string, type: string, name: string | null, value: unknown) {
    super()
    this.module = module
    this.type = type
    this.name = name
    this.value = value
  }
  override toString(): string {
    return `${this.type}.${this.name ?? String(this.value)}`
  }
  toJSON(): unknown {
    return this.value
  }
}

/** Makes a member of an `Enum`, whose class must be loaded in the worker. */
export const enumMember = (module: string, type: string, name: string | null, value: unknown): Enum =>
  new Enum(module, type, name, value)

/** An instance of a dataclass of the module `module`. */
export class Dataclass extends Value {
  readonly _tag = "Dataclass" as const
  readonly module: string
  /** Qualified name of the class. */
  readonly type: string
  readonly fields: { readonly [name: string]: unknown }
  constructor(module: string, type: string, fields: { readonly [name: string]: unknown }) {
    super()
    this.module = module
    this.type = type
    this.fields = fields
  }
  toJSON(): { readonly [name: string]: unknown } {
    return this.fields
  }
}

/** Makes an instance of a dataclass, which must be loaded in the worker. Its `__init__` does not run. */
export const dataclass = (
  module: string,
  type: string,
  fields: { readonly [name: string]: unknown }
): Dataclass => new Dataclass(module, type, fields)

/** An instance of a named tuple of the module `module`. */
export class NamedTuple extends Value implements Iterable<unknown> {
  readonly _tag = "NamedTuple" as const
  readonly module: string
  /** Qualified name of the class. */
  readonly type: string
  readonly names: ReadonlyArray<string>
  readonly values: ReadonlyArray<unknown>
  constructor(module: string, type: string, names: ReadonlyArray<string>, values: ReadonlyArray<unknown>) {
    super()
    this.module = module
    this.type = type
    this.names = names
    this.values = values
  }
  /** The values under their names. */
  toObject(): { readonly [name: string]: unknown } {
    return Object.fromEntries(this.names.map((name, index) => [name, this.values[index]]))
  }
  [Symbol.iterator](): IterableIterator<unknown> {
    return this.values.values()
  }
  toJSON(): { readonly [name: string]: unknown } {
    return this.toObject()
  }
}

/** Makes an instance of a named tuple, which must be loaded in the worker, from its fields in order. */
export const namedTuple = (
  module: string,
  type: string,
  fields: { readonly [name: string]: unknown }
): NamedTuple => new NamedTuple(module, type, Object.keys(fields), tupleOf(Object.values(fields)))

/** A key and its value. */
export type Entry = readonly [key: unknown, value: unknown]

abstract class Entries extends Value implements Iterable<Entry> {
  readonly entries: ReadonlyArray<Entry>
  constructor(entries: ReadonlyArray<Entry>) {
    super()
    this.entries = entries
  }
  get size(): number {
    return this.entries.length
  }
  [Symbol.iterator](): IterableIterator<Entry> {
    return this.entries.values()
  }
  /** The entries as a `Map`. */
  toMap(): Map<unknown, unknown> {
    return new Map(this.entries)
  }
  toJSON(): ReadonlyArray<Entry> {
    return this.entries
  }
}

/** An `OrderedDict`: two are equal only if their entries are in the same order. */
export class OrderedDict extends Entries {
  readonly _tag = "OrderedDict" as const
}

/** Makes an `OrderedDict`. */
export const orderedDict = (entries: Iterable<Entry>): OrderedDict => new OrderedDict([...entries])

/** A `defaultdict`. */
export class DefaultDict extends Entries {
  readonly _tag = "DefaultDict" as const
  /** Name of the builtin type that makes defaults, such as `list`. */
  readonly factory: string | null
  constructor(factory: string | null, entries: ReadonlyArray<Entry>) {
    super(entries)
    this.factory = factory
  }
}

/** Makes a `defaultdict`; `factory` names a builtin type, such as `list`. */
export const defaultDict = (factory: string | null, entries: Iterable<Entry> = []): DefaultDict =>
  new DefaultDict(factory, [...entries])

/** A `Counter`. */
export class Counter extends Entries {
  readonly _tag = "Counter" as const
}

/** Makes a `Counter` of members and their counts. */
export const counter = (entries: Iterable<Entry>): Counter => new Counter([...entries])

/** A `deque`. */
export class Deque extends Value implements Iterable<unknown> {
  readonly _tag = "Deque" as const
  readonly members: ReadonlyArray<unknown>
  /** Largest number of members, or `null`. */
  readonly maxlen: number | null
  constructor(members: ReadonlyArray<unknown>, maxlen: number | null) {
    super()
    this.members = members
    this.maxlen = maxlen
  }
  [Symbol.iterator](): IterableIterator<unknown> {
    return this.members.values()
  }
  toJSON(): ReadonlyArray<unknown> {
    return this.members
  }
}

/** Makes a `deque`; without `maxlen` it has no bound. */
export const deque = (members: Iterable<unknown>, maxlen: number | null = null): Deque =>
  new Deque([...members], maxlen)

/** `C`: the last axis is contiguous. `F`: the first. */
export type Order = "C" | "F"

/** A `numpy.ndarray`. */
export class NdArray extends Value {
  readonly _tag = "NdArray" as const
  /** numpy's dtype string, such as `<f8`. */
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  readonly order: Order
  /**
   * All members, in memory order. Complex numbers are two members each, `datetime64` and `timedelta64` are `BigInt64Array`, half floats
   * are `Uint16Array`; big-endian numbers, text and records are raw bytes.
   */
  readonly data: TypedArray
  constructor(dtype: string, shape: ReadonlyArray<number>, order: Order, data: TypedArray) {
    super()
    this.dtype = dtype
    this.shape = shape
    this.order = order
    this.data = data
  }
  /** Number of members. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1)
  }
  toJSON(): {
    readonly dtype: string
    readonly shape: ReadonlyArray<number>
    readonly data: ReadonlyArray<Int>
  } {
    return { dtype: this.dtype, shape: this.shape, data: [...this.data] }
  }
}

/**
 * Makes a `numpy.ndarray` over a typed array, which is not copied. `shape` defaults to one axis, `dtype` to that of the members, `order` to
 * `C`.
 */
export const ndarray = (
  data: TypedArray,
  shape: ReadonlyArray<number> = [data.length],
  options: { readonly dtype?: string; readonly order?: Order } = {}
): NdArray => new NdArray(options.dtype ?? dtypeOf(data), shape, options.order ?? "C", data)

/** A scalar of numpy, such as `numpy.float32(1.5)`. */
export class NumpyScalar extends Value {
  readonly _tag = "NumpyScalar" as const
  /** numpy's dtype string, such as `<f4`. */
  readonly dtype: string
  /** Its bytes, as numpy keeps them. */
  readonly bytes: Uint8Array
  constructor(dtype: string, bytes: Uint8Array) {
    super()
    this.dtype = dtype
    this.bytes = bytes
  }
  /** What it stands for: a boolean, a number, a `bigint` for 64-bit integers beyond 2^53 - 1; else its bytes. */
  get value(): boolean | Int | Uint8Array {
    const data = members(this.dtype, this.bytes)
    const first = data[0]
    if (
      first === undefined ||
      data.length !== 1 ||
      (this.dtype.charAt(1) === "f" && data instanceof Uint16Array)
    )
      return this.bytes
    return this.dtype.charAt(1) === "b" ? first !== 0 : typeof first === "bigint" ? int(first) : first
  }
  /** The number it stands for, `NaN` if it is none. */
  toNumber(): number {
    const { value } = this
    return typeof value === "object" ? Number.NaN : Number(value)
  }
  override toString(): string {
    return String(this.value)
  }
  toJSON(): boolean | number | string {
    const { value } = this
    return typeof value === "boolean" || typeof value === "number" ? value : String(value)
  }
}

/** Makes a scalar of numpy of its only member, such as `Py.numpyScalar(new Float32Array([1.5]))`. */
export const numpyScalar = (data: TypedArray, dtype: string = dtypeOf(data)): NumpyScalar =>
  new NumpyScalar(dtype, new Uint8Array(data.buffer, data.byteOffset, itemSize(dtype) ?? data.byteLength))

const pad = (value: number, width = 2): string => String(value).padStart(width, "0")

const mod = (value: number, by: number): number => value - Math.floor(value / by) * by

const int = (value: bigint): Int =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value

const millis = (year: number, month: number, day: number, seconds: number): number => {
  // Not Date.UTC, which moves the years 0 to 99 into the 20th century.
  const midnight = new globalThis.Date(0).setUTCFullYear(year, month - 1, day)
  return midnight + seconds * 1000
}

interface Clock {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
}

const clock = ({ hour, microsecond, minute, second }: Clock): string =>
  `${pad(hour)}:${pad(minute)}:${pad(second)}${microsecond === 0 ? "" : `.${pad(microsecond, 6)}`}`

const offsetText = (offset: number | null): string => {
  if (offset === null) return ""
  const micros = Math.round(Math.abs(offset) * 1e6)
  const seconds = Math.floor(micros / 1e6)
  const hours = `${offset < 0 ? "-" : "+"}${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}`
  if (micros % 60e6 === 0) return hours
  return `${hours}:${pad(seconds % 60)}${micros % 1e6 === 0 ? "" : `.${pad(micros % 1e6, 6)}`}`
}
