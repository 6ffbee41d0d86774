/**
 * What a worker exposes: the names that its user code put up by `@expose`, with the signatures that Python has for them. Annotations are
 * text, as they were written; nobody has evaluated them.
 */
import * as Schema from "effect/Schema"

/** One parameter. */
export interface Parameter {
  readonly name: string
  /** In Python's words: how it may be passed, or that it takes the rest (`*args`, `**kwargs`). */
  readonly kind:
    | "positional-only"
    | "positional-or-keyword"
    | "var-positional"
    | "keyword-only"
    | "var-keyword"
  /** Whether it has a default. */
  readonly default: boolean
  /** Its annotation, as text. */
  readonly annotation?: string
}

/** What something is called with, and what it gives. */
export interface Signature {
  readonly kind: "function" | "async" | "generator" | "async-generator" | "class"
  /** Those of a class are those of its constructor. */
  readonly params: ReadonlyArray<Parameter>
  /** The annotation of its result, as text. */
  readonly returns?: string
  /** Its docstring. */
  readonly doc?: string
}

/** One exposed function or class. */
export interface Export extends Signature {
  /** `package.module:qualified.name`. */
  readonly target: string
  /** The public methods of a class. */
  readonly methods?: { readonly [name: string]: Signature }
}

/** What a worker has under a target that the parent describes. */
export type Described =
  | Signature
  /** Nothing; `close` are names beside it that look like it. */
  | { readonly kind: "absent"; readonly close: ReadonlyArray<string> }
  /** Something that cannot be called, of this type. */
  | { readonly kind: "value"; readonly type: string }

/** All that a worker exposes, by name. */
export interface Exports {
  readonly [name: string]: Export
}

const parameter: Schema.Codec<Parameter> = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literals([
    "positional-only",
    "positional-or-keyword",
    "var-positional",
    "keyword-only",
    "var-keyword"
  ]),
  default: Schema.Boolean,
  annotation: Schema.optionalKey(Schema.String)
})

const fields = {
  kind: Schema.Literals(["function", "async", "generator", "async-generator", "class"]),
  params: Schema.Array(parameter),
  returns: Schema.optionalKey(Schema.String),
  doc: Schema.optionalKey(Schema.String)
}

/** All that a worker exposes, as READY has it. */
export const Exports: Schema.Codec<Exports> = Schema.Record(
  Schema.String,
  Schema.Struct({
    ...fields,
    target: Schema.String,
    methods: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct(fields)))
  })
)

/** What a worker has, by target, as READY has it. What it cannot tell without running user code is not in it. */
export const DescribedRecord: Schema.Codec<{ readonly [target: string]: Described }> = Schema.Record(
  Schema.String,
  Schema.Union([
    Schema.Struct({ kind: Schema.Literal("absent"), close: Schema.Array(Schema.String) }),
    Schema.Struct({ kind: Schema.Literal("value"), type: Schema.String }),
    Schema.Struct(fields)
  ])
)
