/** Who listens to a table: a queue each, filled from synchronous code, and a count of what did not fit. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { AffinityEvent } from "../AffinityEvent.ts"
import type { Table } from "./table.ts"

interface Subscriber {
  readonly queue: Queue.Queue<AffinityEvent>
  missed: number
}

/** Large enough for the loss of every binding at once. */
export const capacity = (table: Table): number => table.settings.maxBindings + 1_024

/** Events from the subscription on. Nobody is held up by a slow subscriber: it loses the oldest, and is told how many. */
export const stream = (table: Table, clock: Clock.Clock): Stream.Stream<AffinityEvent> => {
  const subscribers = new Set<Subscriber>()
  const emit = (event: AffinityEvent): void => {
    for (const subscriber of subscribers) {
      if (Queue.isFullUnsafe(subscriber.queue)) subscriber.missed++
      Queue.offerUnsafe(subscriber.queue, event)
    }
  }
  const subscribe = Effect.acquireRelease(
    Effect.map(Queue.sliding<AffinityEvent>(capacity(table)), (queue) => {
      const subscriber: Subscriber = { queue, missed: 0 }
      subscribers.add(subscriber)
      table.emit = emit
      return subscriber
    }),
    (subscriber) => {
      subscribers.delete(subscriber)
      if (subscribers.size === 0) table.emit = undefined
      return Queue.shutdown(subscriber.queue)
    }
  )
  return Stream.unwrap(
    Effect.map(subscribe, (subscriber) =>
      Stream.mapArray(Stream.fromQueue(subscriber.queue), (events) => {
        if (subscriber.missed === 0) return events
        const missed = {
          _tag: "Missed",
          at: clock.currentTimeMillisUnsafe(),
          events: subscriber.missed
        } as const
        subscriber.missed = 0
        return [missed, ...events]
      })
    )
  )
}
