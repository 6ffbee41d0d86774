/**
 * All the time limits of one pool: a heap of moments and one fiber that sleeps on Effect's `Clock` until the next of them, so that a
 * call with a deadline costs neither a fiber nor a timer of its own, and a test clock drives every limit.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"

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
  const heap: Array<Timer> = []
  // The moment the fiber sleeps until. Cancelling the earliest timer leaves it: waking once for nothing is cheaper than a new fiber.
  let wakeAt = Number.POSITIVE_INFINITY
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      heap.length = 0
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
    let next = heap[0]
    while (next !== undefined && next.at <= time) {
      remove(heap, next)
      next.run()
      next = heap[0]
    }
    if (next !== undefined && next.at < wakeAt) sleepUntil(next.at)
  }

  return {
    now,
    after: (delay, run) => {
      const timer: Timer = { at: now() + delay, run, index: -1 }
      if (closed) return timer
      insert(heap, timer)
      if (timer.at < wakeAt) sleepUntil(timer.at)
      return timer
    },
    cancel: (timer) => {
      if (timer.index >= 0) remove(heap, timer)
    },
    size: () => heap.length
  }
})

const place = (heap: Array<Timer>, timer: Timer, index: number): void => {
  heap[index] = timer
  timer.index = index
}

const insert = (heap: Array<Timer>, timer: Timer): void => {
  heap.push(timer)
  rise(heap, timer, heap.length - 1)
}

const remove = (heap: Array<Timer>, timer: Timer): void => {
  const { index } = timer
  timer.index = -1
  const last = heap.pop()
  if (last === undefined || last === timer) return
  if (rise(heap, last, index) === index) sink(heap, last, index)
}

const rise = (heap: Array<Timer>, timer: Timer, from: number): number => {
  let index = from
  while (index > 0) {
    const up = (index - 1) >> 1
    const parent = heap[up]
    if (parent === undefined || parent.at <= timer.at) break
    place(heap, parent, index)
    index = up
  }
  place(heap, timer, index)
  return index
}

const sink = (heap: Array<Timer>, timer: Timer, from: number): void => {
  let index = from
  for (;;) {
    const left = heap[2 * index + 1]
    const right = heap[2 * index + 2]
    const child = right !== undefined && left !== undefined && right.at < left.at ? right : left
    if (child === undefined || child.at >= timer.at) break
    const down = child.index
    place(heap, child, index)
    index = down
  }
  place(heap, timer, index)
}
