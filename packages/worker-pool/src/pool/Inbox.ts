/**
 * Where the items of one stream wait for its consumer, who takes them in chunks; and when more are asked for.
 *
 * A chunk is at most half of the credit, and is credited when the consumer comes back for the next. So the worker is never more than the
 * credit ahead of what the consumer has done with, and works on while the consumer does.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type { CallError } from "../CallError.ts"

/** The inbox of one stream. */
export interface Inbox {
  /** An item has come. */
  readonly add: (item: unknown) => void
  /** No more will come: it ended, or failed. What has come is still taken before. */
  readonly end: (result: Effect.Effect<unknown, CallError>) => void
  /** Takes the items that are there, or waits for one. */
  readonly pull: Pull.Pull<Arr.NonEmptyReadonlyArray<unknown>, CallError>
}

/** What an inbox is made of. */
export interface InboxOptions {
  /** How many items may come unasked. */
  readonly credit: number
  /** Asks for so many more. */
  readonly grant: (count: number) => void
  /** Told the value that the stream ended with, before its consumer sees the end. */
  readonly onReturn: ((value: unknown) => void) | undefined
}

/** Makes an empty one. */
export const make = (options: InboxOptions): Inbox => {
  const half = Math.ceil(options.credit / 2)
  let items: Array<unknown> = []
  // Of those that the consumer has: how many in the last chunk, and how many before it that are not credited yet.
  let taken = 0
  let owed = 0
  let end: Pull.Pull<never, CallError> | undefined
  let resume: (() => void) | undefined
  let waking = false

  // Many frames come in one piece of the wire: the consumer is woken once for all of them.
  const wake = (): void => {
    if (resume === undefined || waking) return
    waking = true
    queueMicrotask(() => {
      waking = false
      resume?.()
    })
  }

  const credit = (): void => {
    owed += taken
    taken = 0
    if (owed < half || end !== undefined) return
    options.grant(owed)
    owed = 0
  }

  const take = (): ReadonlyArray<unknown> => {
    const all = items
    const chunk = all.length > half ? all.slice(0, half) : all
    items = all.length > half ? all.slice(half) : []
    taken = chunk.length
    return chunk
  }

  const pull: Inbox["pull"] = Effect.suspend(() => {
    credit()
    const chunk = take()
    if (Arr.isReadonlyArrayNonEmpty(chunk)) return Effect.succeed(chunk)
    if (end !== undefined) return end
    return Effect.callback<Arr.NonEmptyReadonlyArray<unknown>, CallError | Cause.Done>((again) => {
      resume = () => {
        resume = undefined
        again(pull)
      }
      return Effect.sync(() => {
        resume = undefined
      })
    })
  })

  return {
    add: (item) => {
      items.push(item)
      wake()
    },
    end: (result) => {
      end = Effect.flatMap(result, (value) => {
        options.onReturn?.(value)
        return Cause.done()
      })
      wake()
    },
    pull
  }
}
