/**
 * What can go wrong with `pool.map`: an error of the call that carried an item, and which item it was.
 */
import * as Schema from "effect/Schema"
import * as Errors from "./CallError.ts"
import type { CallError, Started } from "./CallError.ts"
import type { Base } from "./errors/Base.ts"
import { printedBy, stackOf } from "./errors/printed.ts"

const MapErrorBase: Base<
  MapError,
  "MapError",
  {
    readonly target: Schema.String
    readonly index: Schema.Finite
    readonly count: Schema.Finite
    readonly reason: Schema.Codec<CallError, unknown>
  }
> = printedBy(
  Schema.TaggedError<MapError>()("MapError", {
    target: Schema.String,
    index: Schema.Finite,
    count: Schema.Finite,
    reason: Errors.CallError
  }),
  ({ count, index, reason, stack }: MapErrorFields) =>
    `${stack} { index: ${index}, count: ${count}, reason: '${reason._tag} ${reason.reason}', started: '${reason.started}' }`
)

interface MapErrorFields extends Error {
  readonly index: number
  readonly count: number
  readonly reason: CallError
}

/**
 * A map has come to an item without a result. The results of all items before `index` were given, and none after it, so that a program can
 * go on from there.
 *
 * `count` is 1 when it is known that the item at `index` is the one: its function raised, or its result is not what it must be. It is more
 * when something befell all items that were under way in one call, such as the death of their worker; and 0 when the deadline passed before there was
 * another item. `reason` says what it was; `Effect.catchReason` and `Stream.catchReason` choose by it.
 *
 * ```ts
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ size: 1 })
 *   return yield* Effect.flip(Stream.runDrain(pool.map("math:sqrt", [4, 9, -1, 16])))
 * })
 *
 * const { index, reason } = await Effect.runPromise(Effect.scoped(program))
 * if (index !== 2 || reason._tag !== "PythonError") throw new Error("expected the third to fail")
 * ```
 *
 * @category errors
 */
export class MapError extends MapErrorBase {
  // Whatever makes one, a decoder too, passes what the class takes; one by one, as what Deno derives for JSR cannot spread them.
  // @effect-diagnostics-next-line overriddenSchemaConstructor:off
  constructor(
    fields: ConstructorParameters<typeof MapErrorBase>[0],
    options?: ConstructorParameters<typeof MapErrorBase>[1]
  ) {
    super(fields, options)
    if (isTraced(this.reason)) Object.defineProperty(this, "stack", STACK)
  }
  /** What failed, for `@fireweed/retry`. */
  get category(): CallError["category"] {
    return this.reason.category
  }
  /** Whether user code may have run for these items. */
  get started(): Started {
    return this.reason.started
  }
  /** What to do. */
  get hint(): string {
    return this.reason.hint
  }
  /** What happened, to which items. */
  override get message(): string {
    return `${this.where}: ${this.reason.message}`
  }
  private get where(): string {
    if (this.count === 0) return `before item ${this.index}`
    return this.count === 1 ? `item ${this.index}` : `items ${this.index} to ${this.index + this.count - 1}`
  }
}

/** Whether it is known where in Python it was. */
const isTraced = (reason: CallError): boolean =>
  reason._tag === "PythonError" || (reason._tag === "WorkerLost" && (reason.diagnosis?.stack ?? "") !== "")

const STACK = stackOf<MapError>(({ reason }) => {
  if (reason._tag === "PythonError") return reason.traceback
  return reason._tag === "WorkerLost" ? (reason.diagnosis?.stack ?? "") : ""
})
