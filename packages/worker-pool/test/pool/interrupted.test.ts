/** Who is interrupted at any step, however small, leaves nothing behind. Fibers give way all the time here, so each step can be the last. */
import { assert, describe, it } from "@effect/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import { TestClock } from "effect/testing"
import { inTime, pooled, saved } from "./lists.ts"

const NOW = { startImmediately: true } as const

/** Starts it again and again, and stops it a step later each time. Three operations to a step, at any of which it may begin. */
const stoppedAnywhere = <A, E>(effect: (n: number) => Effect.Effect<A, E>, steps: number) =>
  Effect.forEach(
    Array.from({ length: 3 * steps }, (_, n) => n),
    (n) =>
      Effect.gen(function* () {
        const late = Array.from({ length: n % 3 }).reduce<Effect.Effect<A, E>>(
          (later) => Effect.suspend(() => later),
          effect(n)
        )
        const restless = Effect.provideService(late, References.MaxOpsBeforeYield, 3)
        const fiber = yield* Effect.forkChild(restless, NOW)
        for (let step = 0; step < Math.floor(n / 3); step++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }),
    { discard: true }
  )

const sessionsOn = (pool: WorkerPool.WorkerPool) =>
  Effect.map(pool.snapshot, ({ sessions, workers }) => [
    sessions,
    ...workers.map((worker) => worker.sessions)
  ])

describe("at any step", () => {
  it.effect("a call that is stopped is not in hand any more", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      yield* stoppedAnywhere(() => pool.call("app:ok"), 20)
      yield* TestClock.adjust("1 second")
      const { abandoned } = yield* inTime(pool.drain({ timeout: "5 seconds" }))
      assert.strictEqual(abandoned, 0)
    })
  )

  it.effect("an opening that is stopped leaves neither key nor object", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      yield* stoppedAnywhere((n) => Effect.scoped(pool.session(`session ${n}`, "app:List")), 60)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* sessionsOn(pool), [0, 0, 0])
    })
  )

  it.effect("a session's call that is stopped does not hold the session where it is", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      const session = yield* pool.session("a", "app:List", [], saved)
      yield* stoppedAnywhere(() => session.call("get"), 40)
      yield* TestClock.adjust("1 second")
      yield* inTime(pool.restart({ timeout: "1 minute" }), "20 seconds")
      assert.isTrue(session.worker.endsWith(".2"))
    })
  )
})
