/** Members of enums, and instances of dataclasses and named tuples. */
import { tupleOf } from "./collections.ts"
import { Value } from "./value.ts"

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
