/** Values that come one by one, for `for await`. */
import * as Stream from "effect/Stream"
import { run } from "./run.ts"

/**
 * Values that Python gives one by one. Each loop over them is a call of its own, which begins with the loop. A loop that is left, by `break`,
 * `return` or a `throw`, cancels it in Python.
 */
export interface Items<A> extends AsyncIterable<A> {
  /** Collects all of them. */
  readonly toArray: () => Promise<Array<A>>
}

/** The items of a stream, until the signal is aborted: then with its reason. */
export const make = <A, E>(stream: Stream.Stream<A, E>, signal?: AbortSignal): Items<A> => {
  const items = Stream.toAsyncIterable(stream)
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = items[Symbol.asyncIterator]()
      return inOrder(signal === undefined ? iterator : abortable(iterator, signal))
    },
    toArray: () => run(Stream.runCollect(stream), signal)
  }
}

/** Answers one `next` after the other, as a generator does; Effect's iterator gives those that are asked for at once the same item. */
const inOrder = <A>(items: AsyncIterator<A>): AsyncIterator<A> => {
  let before: Promise<unknown> | undefined
  const close = async (): Promise<IteratorResult<A>> => (await items.return?.()) ?? DONE
  return {
    next: () => {
      const next = before === undefined ? items.next() : before.then(() => items.next())
      const forget = (): void => {
        if (before === settled) before = undefined
      }
      const settled: Promise<unknown> = next.then(forget, forget)
      before = settled
      return next
    },
    return: close,
    throw: async (error) => {
      await close()
      throw error
    }
  }
}

const abortable = <A>(items: AsyncIterator<A>, signal: AbortSignal): AsyncIterator<A> => {
  // What goes wrong with the end is told by the loop that waits for it.
  const close = (): Promise<IteratorResult<A>> => Promise.resolve(items.return?.() ?? DONE)
  const abort = (): void => void close().catch(() => {})
  let listens = false
  const leave = (): void => signal.removeEventListener("abort", abort)
  return {
    next: async () => {
      if (!listens) {
        listens = true
        signal.throwIfAborted()
        signal.addEventListener("abort", abort, { once: true })
      }
      const result = await items.next().finally(() => {
        if (signal.aborted) leave()
      })
      if (signal.aborted) {
        await close()
        throw signal.reason
      }
      if (result.done === true) leave()
      return result
    },
    return: () => {
      leave()
      return close()
    }
  }
}

const DONE = { done: true, value: undefined } as const
