/** Collections: tuples, byte arrays, frozen sets, ranges, slices, and the containers of `collections`. */
import { TypeId, Value, int } from "./value.ts"
import type { Int } from "./value.ts"

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
