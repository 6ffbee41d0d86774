/**
 * Calls whose values come one by one. The items are decoded when their frame arrives and taken by the consumer in chunks: no fiber, no
 * queue and no timer for an item.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallError } from "../CallError.ts"
import * as Codec from "../protocol/Codec.ts"
import type { Frame, ProtocolViolation } from "../protocol/Frame.ts"
import * as Calls from "./Calls.ts"
import type { CallOptions, Callee, Prepare, Prepared } from "./Calls.ts"
import type { CallWatch, Watched } from "./CallWatch.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import * as Inbox from "./Inbox.ts"
import * as Reentry from "./Reentry.ts"
import type { Request } from "./Request.ts"

/** Options of one stream. */
export interface StreamOptions extends CallOptions {
  /**
   * How many items Python may be ahead of what the consumer has done with, 1 to 65,536. It asks its generator for no more. Default: 64.
   */
  readonly credit?: number | undefined
  /**
   * Whether the function may run twice. Then a stream whose worker dies before the first item has come is tried on another; one that has
   * begun to flow never is. Default: false.
   */
  readonly idempotent?: boolean | undefined
  /** Told the value that the generator returned, once all items were taken. Not called when the consumer leaves before, or it fails. */
  readonly onReturn?: ((value: unknown) => void) | undefined
}

/** Options of a stream that checks its items. */
export interface CheckedStreamOptions<A> extends StreamOptions {
  /** What each item must be; anything else ends the stream with `InvalidCall`, reason `result`. */
  readonly item: Schema.Codec<A, unknown>
}

/** Streams of one pool. */
export type OpenStream = (
  callee: Callee,
  args: ReadonlyArray<unknown>,
  options: Partial<CheckedStreamOptions<unknown>>
) => Stream.Stream<unknown, CallError>

/** How many items Python may be ahead, unless said otherwise. */
export const DEFAULT_CREDIT = 64
/** The most it can be. */
export const MAX_CREDIT = 65_536

/** Makes the function behind every stream of a pool. Each run of a stream is a call of its own; the consumer's end cancels it. */
export const make = (prepare: Prepare, dispatcher: Dispatcher, watch: CallWatch): OpenStream => {
  const run = (
    callee: Callee,
    args: ReadonlyArray<unknown>,
    options: Partial<CheckedStreamOptions<unknown>>,
    waiting: Reentry.Waiting | undefined,
    watched: Watched | undefined
  ): Stream.Stream<unknown, CallError> => {
    const credit = checkedCredit(options.credit)
    const call = prepare(callee, args, options, waiting, watched, credit)
    if ("_tag" in call) return Stream.fail(call)
    const items = Stream.unwrap(open(dispatcher, call, credit, options.onReturn))
    return options.item === undefined
      ? items
      : Stream.mapEffect(items, Calls.check(callee.label, "an item", options.item))
  }
  return (callee, args, options) =>
    Stream.unwrap(
      watch.spannedScoped(callee, (span) =>
        Effect.withFiber((fiber) => {
          const watched = watch.begin(callee, span)
          const items = run(callee, args, options, fiber.getRef(Reentry.Waiting), watched)
          return Effect.succeed(
            watched === undefined
              ? items
              : Stream.onExit(items, (exit) => Effect.sync(() => watched.ended(exit)))
          )
        })
      )
    )
}

/** Starts the call, and waits for its first item or its end: an error before that is the call's, and may be tried again. */
const open = (
  dispatcher: Dispatcher,
  call: Prepared,
  credit: number,
  onReturn: StreamOptions["onReturn"]
): Effect.Effect<Stream.Stream<unknown, CallError>, CallError, Scope.Scope> =>
  Effect.gen(function* () {
    let leave: (() => void) | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => leave?.()))
    const inbox = yield* call.attempts((way) =>
      Effect.callback<Inbox.Inbox, CallError>((resume) => {
        let flows = false
        const item = (frame: Frame): ProtocolViolation | undefined => {
          const read = Codec.byId(frame.codec).decode(frame)
          if ("_tag" in read) return read
          inbox.add(read.value)
          if (!flows) queueMicrotask(() => resume(Effect.succeed(inbox)))
          flows = true
          return undefined
        }
        const settle: Request["settle"] = (exit) => {
          const result = way === undefined ? exit : way.settled(exit)
          inbox.end(result)
          if (!flows) resume(Effect.as(result, inbox))
        }
        const request = call.request(settle, { credit, item }, way)
        const inbox = Inbox.make({ credit, grant: (count) => dispatcher.credit(request, count), onReturn })
        const left = (): void => {
          dispatcher.abandon(request)
          way?.left()
        }
        leave = left
        dispatcher.submit(request)
        return Effect.sync(left)
      })
    )
    return Stream.fromPull(Effect.succeed(inbox.pull))
  })

const checkedCredit = (credit = DEFAULT_CREDIT): number => {
  if (Number.isInteger(credit) && credit >= 1 && credit <= MAX_CREDIT) return credit
  throw new TypeError(`stream: credit must be a whole number from 1 to ${MAX_CREDIT}, not ${String(credit)}`)
}
