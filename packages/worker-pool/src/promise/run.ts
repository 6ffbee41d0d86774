/** From effects to promises: what an aborted signal means, and which calls wait for which through callbacks. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Reentry from "../pool/Reentry.ts"

/**
 * Runs it. An aborted signal interrupts it, and rejects with the signal's reason once that is done; a failure rejects with the error itself.
 */
export const run = async <A, E>(effect: Effect.Effect<A, E>, signal?: AbortSignal): Promise<A> => {
  signal?.throwIfAborted()
  const waiting = waits.getStore()
  const exit = await Effect.runPromiseExit(
    waiting === undefined ? effect : Effect.provideService(effect, Reentry.Waiting, waiting),
    signal === undefined ? undefined : { signal }
  )
  if (exit._tag === "Success") return exit.value
  if (signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)) throw signal.reason
  throw Cause.squash(exit.cause)
}

/** A function of the user as a callback of the pool. Calls that it makes are known to be made from it. */
export const callback =
  (user: (...args: Array<never>) => unknown) =>
  (...args: Array<never>): Effect.Effect<unknown> =>
    Effect.withFiber((fiber) => {
      const waiting = fiber.getRef(Reentry.Waiting)
      // What it throws is a defect: Python is told its name and its text all the same.
      return Effect.promise(() => waits.run(waiting, async () => user(...args)))
    })

const waits = new AsyncLocalStorage<Reentry.Waiting | undefined>()
