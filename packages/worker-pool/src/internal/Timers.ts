/**
 * All the time limits of one pool: a heap of moments and one fiber that sleeps on Effect's `Clock` until the next of them, so that a
 * call with a deadline costs neither a fiber nor a timer of its own, and a test clock drives every limit.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import * as Heap from "./Heap.ts"

/** One thing to be done at a moment. */
export interface Timer {
  readonly at: number
  readonly run: () => void
  /** Place in the heap, or -1 when done or cancelled. */
  index: number
}

/** The time limits of one pool. */
export interface Timers {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  readonly now: () => number
  /** Runs `run` once, `delay` milliseconds from now. `run` must not throw. */
  readonly after: (delay: number, run: () => void) => Timer
  /** Forgets it; a timer that has run, or was cancelled, is left alone. */
  readonly cancel: (timer: Timer) => void
  /** How many are waiting. */
  readonly size: () => number
}

/** Makes the timers; when the scope closes, none of those left will run. */
export const make: Effect.Effect<Timers, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const sleeper = yield* FiberHandle.makeRuntime<never, void>()
  const heap = Heap.make<Timer>((a, b) => a.at < b.at)
  // The moment the fiber sleeps until. Cancelling the earliest timer leaves it: waking once for nothing is cheaper than a new fiber.
  let wakeAt = Number.POSITIVE_INFINITY
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      heap.members.length = 0
    })
  )

  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const sleepUntil = (at: number): void => {
    wakeAt = at
    sleeper(Effect.flatMap(Effect.sleep(Math.max(0, Math.ceil(at - now()))), () => Effect.sync(fire)))
  }

  const fire = (): void => {
    wakeAt = Number.POSITIVE_INFINITY
    const time = now()
    let next = heap.members[0]
    while (next !== undefined && next.at <= time) {
      Heap.remove(heap, next)
      next.run()
      next = heap.members[0]
    }
    if (next !== undefined && next.at < wakeAt) sleepUntil(next.at)
  }

  return {
    now,
    after: (delay, run) => {
      const timer: Timer = { at: now() + delay, run, index: -1 }
      if (closed) return timer
      Heap.insert(heap, timer)
      if (timer.at < wakeAt) sleepUntil(timer.at)
      return timer
    },
    cancel: (timer) => {
      Heap.remove(heap, timer)
    },
    size: () => heap.members.length
  }
})
