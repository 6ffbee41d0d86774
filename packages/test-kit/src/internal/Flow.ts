/** The stream of one call: what a script yields goes out as ITEMs, as far as the pool has asked for them. */
import * as Effect from "effect/Effect"
import * as Failure from "./Failure.ts"

/** The stream of one call. */
export interface Flow {
  /** So many more may be sent. */
  readonly grant: (count: number) => void
  /**
   * Sends all items; gives what a generator returned. The next is not asked for before it may be sent, unless the script says that it goes
   * `beyond` the credit.
   */
  readonly drain: (items: Iterable<unknown>, beyond: boolean) => Effect.Effect<unknown, unknown>
  /** Whether the script has yielded anything, be it nothing. */
  readonly flowed: () => boolean
}

/** Makes one; `send` writes an item. */
export const make = (credit: number, send: (item: unknown) => Effect.Effect<void, unknown>): Flow => {
  let left = credit
  let flowed = false
  let resume: (() => void) | undefined

  const room: Effect.Effect<void> = Effect.suspend(() =>
    left > 0
      ? Effect.void
      : Effect.callback<void>((done) => {
          resume = () => done(Effect.void)
          return Effect.sync(() => {
            resume = undefined
          })
        })
  )

  const next = (iterator: Iterator<unknown>, beyond: boolean): Effect.Effect<unknown, unknown> =>
    Effect.flatMap(beyond ? Effect.void : room, () => {
      const step = iterator.next()
      if (step.done === true) return Effect.succeed<unknown>(step.value)
      left--
      return Effect.flatMap(send(step.value), () => next(iterator, beyond))
    })

  return {
    grant: (count) => {
      left += count
      const waiting = resume
      resume = undefined
      waiting?.()
    },
    drain: (items, beyond) =>
      Effect.suspend(() => {
        flowed = true
        const iterator = items[Symbol.iterator]()
        return Effect.onExit(next(iterator, beyond), () => Effect.sync(() => iterator.return?.()))
      }),
    flowed: () => flowed
  }
}

/** What a call that is a stream ends with: it must have yielded. */
export const ended = (flow: Flow, value: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(value, (result) =>
    flow.flowed()
      ? Effect.succeed(result)
      : Failure.refuse(
          "stream",
          `it was called as a stream, and returned ${typeof result}, which is no iterator`
        )
  )

/** Why a call that is no stream must not yield. */
export const notAStream = Failure.refuse("stream", "it returned a generator, and was not called as a stream")

/** Whether a value is an iterator, as what a generator function gives is. */
export const isIterator = (u: unknown): u is IterableIterator<unknown> =>
  typeof u === "object" && u !== null && "next" in u && typeof u.next === "function" && Symbol.iterator in u
