/** Maps for programs without Effect: items from any iterable, results by the `parse` of any schema library. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import { messageOf } from "../internal/thrown.ts"
import type { Source } from "../pool/Source.ts"
import type { Target, WorkerPool } from "../WorkerPool.ts"
import * as CallOption from "./CallOption.ts"
import type { Items } from "./Items.ts"
import * as AsyncItems from "./Items.ts"
import type { CheckedMapOptions, Pool } from "./Pool.ts"

/** What is mapped over. */
type Mapped = Iterable<unknown> | AsyncIterable<unknown>

/** The maps of a pool. */
export const make = (pool: WorkerPool): Pool["map"] => {
  function map<A>(target: Target, items: Mapped, options?: Partial<CheckedMapOptions<A>>): Items<A>
  function map(
    target: Target,
    items: Mapped,
    options: Partial<CheckedMapOptions<unknown>> = {}
  ): Items<unknown> {
    const { call, signal } = CallOption.read("pool.map", target, [], options, CallOption.MAP)
    const { chunk, concurrency, each, result } = options
    const given = { ...call, chunk, concurrency, each }
    const source = sourceOf(items)
    return AsyncItems.make(
      result === undefined
        ? pool.map(target, source, given)
        : pool.map(target, source, { ...given, result: readBy(result) }),
      signal
    )
  }
  return map
}

const sourceOf = (items: Mapped): Source<unknown> => {
  if (Predicate.hasProperty(items, Symbol.asyncIterator))
    return Stream.fromAsyncIterable<unknown, unknown>(items, (error) => error)
  if (Predicate.isIterable(items)) return items
  throw new TypeError(`pool.map: the items must be iterable, not ${items === null ? "null" : typeof items}`)
}

/** A schema of what a function reads, which throws, or rejects, if it cannot. */
export const readBy = (read: (value: unknown) => unknown): Schema.Codec<unknown, unknown> =>
  Schema.Unknown.pipe(
    Schema.decodeTo(Schema.Unknown, {
      decode: SchemaGetter.transformEffect((value) =>
        Effect.tryPromise({
          try: async () => read(value),
          catch: (error) => new SchemaIssue.InvalidValue({ message: messageOf(error) })
        })
      ),
      encode: SchemaGetter.passthrough()
    })
  )
