/** What all errors of a call have in common. */
import type * as Cause from "effect/Cause"
import type * as Schema from "effect/Schema"

/** The class that `Schema.TaggedError` makes, written out: see docs/decisions/0007-errors-write-their-fields-twice.md. */
export type Base<Self, Tag extends string, Fields extends Schema.Struct.Fields> = Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, Fields>,
  Cause.YieldableError
>

/** Whether user code may have run: after `"no"` a retry is always safe, after `"maybe"` only if the call is idempotent. */
export type Started = "no" | "maybe"

/**
 * Builds an error without capturing a stack: where it was made says nothing (a reader of the pipe made it), and a stack costs
 * several times the error.
 */
export const stackless = <E>(build: () => E): E => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return build()
  } finally {
    Error.stackTraceLimit = limit
  }
}
