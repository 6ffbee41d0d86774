/**
 * An event stream that costs nothing while nobody listens: events are built only for somebody.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Those who listen. */
export interface Listeners<A> {
  /** Builds the event if somebody listens, and hands it over. */
  readonly publish: (build: () => A) => void
  /** Whether an event that is built now has anyone to go to. */
  readonly listening: () => boolean
  /** Every event from now on. A listener that is more than 4,096 events behind loses the oldest. */
  readonly stream: Stream.Stream<A>
  /** Ends all streams. */
  readonly end: Effect.Effect<void>
}

const BACKLOG = 4_096

/** Makes an event stream; those of `taps` are told of each event at once, before it is handed over. */
export const make = <A>(taps: ReadonlyArray<(event: A) => void> = []): Listeners<A> => {
  const queues = new Set<Queue.Queue<A, Cause.Done>>()
  let ended = false
  return {
    listening: () => queues.size > 0 || taps.length > 0,
    publish: (build) => {
      if (queues.size === 0 && taps.length === 0) return
      const event = build()
      for (const tap of taps) tap(event)
      for (const queue of queues) Queue.offerUnsafe(queue, event)
    },
    stream: Stream.callback<A>(
      (queue) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (ended) return Effect.asVoid(Queue.end(queue))
            queues.add(queue)
            return Effect.void
          }),
          () => Effect.sync(() => void queues.delete(queue))
        ),
      { bufferSize: BACKLOG, strategy: "sliding" }
    ),
    end: Effect.suspend(() => {
      ended = true
      return Effect.forEach([...queues], (queue) => Queue.end(queue), { discard: true })
    })
  }
}
