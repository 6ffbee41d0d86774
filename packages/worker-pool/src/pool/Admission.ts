/**
 * The way into a pool: what is in hand is counted from the call to its end, retries and all, so that a pool can be drained: nothing new comes in,
 * and what is in hand comes to its end.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { PoolUnavailable, stackless } from "../CallError.ts"
import * as Reentry from "./Reentry.ts"

/** What came of what was in hand when a pool was drained: calls, streams and sessions. */
export interface Drained {
  /** Those that came to their end, well or not. */
  readonly completed: number
  /** Those that are left. They go on until the pool is closed. */
  readonly abandoned: number
}

/** The way into one pool. What is asked for by a callback that a call in hand waits for is let in always. */
export interface Admission {
  readonly call: <A, E, R>(
    target: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PoolUnavailable, R>
  /** In hand until the scope closes. */
  readonly scoped: <A, E, R>(
    target: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PoolUnavailable, R | Scope.Scope>
  /** Each run of it is in hand until it ends. `fail` makes an error of the refusal. */
  readonly stream: <A, E, R, E2>(
    target: string,
    stream: Stream.Stream<A, E, R>,
    fail: (refusal: PoolUnavailable) => E2
  ) => Stream.Stream<A, E | E2, R>
  /** Lets nothing new in from now on, and waits until nothing is in hand, for so many milliseconds at most. */
  readonly drain: (timeout: number) => Effect.Effect<Drained>
}

/** Makes it. */
export const make = (): Admission => {
  let draining = false
  let inHand = 0
  let completed = 0
  const waiters = new Set<() => void>()

  const leave = (): undefined => {
    inHand--
    completed++
    if (inHand > 0) return
    for (const waiter of waiters) waiter()
    waiters.clear()
  }

  const admitted = <A, E, R>(target: string, enter: () => Effect.Effect<A, E, R>) =>
    Effect.withFiber<A, E | PoolUnavailable, R>((fiber) =>
      draining && fiber.getRef(Reentry.Waiting) === undefined ? Effect.fail(refusal(target)) : enter()
    )

  const held = Effect.acquireRelease(
    Effect.sync(() => void inHand++),
    () => Effect.sync(leave)
  )

  const emptied = Effect.callback<void>((resume) => {
    if (inHand === 0) return resume(Effect.void)
    const waiter = (): void => resume(Effect.void)
    waiters.add(waiter)
    return Effect.sync(() => waiters.delete(waiter))
  })

  return {
    call: (target, effect) =>
      Effect.suspend(() => {
        // Whoever is interrupted on the way in was never in hand.
        let isIn = false
        const counted = admitted(target, () => {
          isIn = true
          inHand++
          return effect
        })
        return Effect.onExitPrimitive(counted, () => (isIn ? leave() : undefined))
      }),
    scoped: (target, effect) => admitted(target, () => Effect.andThen(held, effect)),
    stream: (target, stream, fail) => {
      const entered = admitted(target, () => held)
      return Stream.unwrap(Effect.as(Effect.mapError(entered, fail), stream))
    },
    drain: (timeout) =>
      Effect.suspend(() => {
        draining = true
        const before = completed
        return Effect.map(Effect.timeoutOption(emptied, timeout), () => ({
          completed: completed - before,
          abandoned: inHand
        }))
      })
  }
}

const refusal = (target: string): PoolUnavailable =>
  stackless(
    () =>
      new PoolUnavailable({
        reason: "draining",
        target,
        retryAfter: Duration.infinity,
        detail: "the pool is drained: it ends what it has, and takes nothing new"
      })
  )
