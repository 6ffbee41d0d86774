import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Tracer from "effect/Tracer"
import { TestClock } from "effect/testing"
import { Backoff, Hedge, Retry, RetryBudget } from "../src/index.ts"

const now = Backoff.constant(0)

const ended = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** Fails so many times, then succeeds. */
const flaky = (failures: number) => {
  let calls = 0
  return Effect.suspend(() => (++calls <= failures ? Effect.fail("no") : Effect.succeed(calls)))
}

/** All counters of this package in a registry of its own, after an effect. */
const counted = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    yield* ended(effect)
    return Object.fromEntries(
      (yield* Metric.snapshot)
        .filter(({ id }) => id.startsWith("retry_") || id.startsWith("hedge_"))
        .map(({ attributes, id, state }) => [
          [id, ...Object.values(attributes ?? {})].join(" "),
          "count" in state ? Number(state.count) : Number.NaN
        ])
    )
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const prices = (options: Retry.Options<unknown, "exhausted">) =>
  Retry.make({ name: "prices", metrics: true, backoff: now, retries: 2, ...options })

describe("metrics", () => {
  it.effect("count attempts, retries, and give-ups by reason", () =>
    Effect.gen(function* () {
      const calls = [
        Retry.run(Effect.succeed(1), prices({})),
        Retry.run(flaky(1), prices({})),
        Retry.run(flaky(9), prices({})),
        Retry.run(flaky(9), prices({ backoff: Backoff.constant("1 second"), maxElapsed: "500 millis" })),
        Retry.run(flaky(9), prices({ budget: RetryBudget.make({ ratio: 0, minimum: 0 }) })),
        Retry.run(flaky(9), prices({ idempotent: false })),
        Retry.run(flaky(9), prices({ while: () => false }))
      ]
      const figures = yield* counted(Effect.forEach(calls, (call) => Effect.exit(call)))
      assert.deepStrictEqual(figures, {
        "retry_attempts prices": 1 + 2 + 3 + 1 + 1 + 1 + 1,
        "retry_retries prices": 1 + 2,
        "retry_give_ups prices attempts": 1,
        "retry_give_ups prices deadline": 1,
        "retry_give_ups prices budget": 1,
        "retry_give_ups prices idempotency": 1
      })
    })
  )

  it.effect("count the same for a policy as a schedule", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ name: "prices", metrics: true, backoff: now, retries: 2 })
      const call = Effect.retry(flaky(9), Retry.toSchedule(policy))
      assert.deepStrictEqual(yield* counted(call), {
        "retry_attempts prices": 3,
        "retry_retries prices": 2,
        "retry_give_ups prices attempts": 1
      })
    })
  )

  it.effect("count the attempts of hedges, and those the budget refused", () =>
    Effect.gen(function* () {
      const hedge = { after: 100, metrics: true, name: "reads" } as const
      const refused = { ...hedge, budget: RetryBudget.make({ ratio: 0, minimum: 0 }) }
      const slow = Effect.sleep("1 second")
      const calls = [
        Hedge.run(Effect.void, hedge),
        Hedge.run(slow, hedge),
        Hedge.run(slow, { ...hedge, attempts: 3 }),
        Hedge.run(slow, refused)
      ]
      assert.deepStrictEqual(yield* counted(Effect.all(calls)), {
        "hedge_attempts reads first": 4,
        "hedge_attempts reads beside": 3,
        "hedge_refusals reads": 1
      })
    })
  )

  it.effect("are not there unless they are asked for", () =>
    Effect.gen(function* () {
      const call = flaky(9).pipe(Hedge.run({ after: 1 }), Retry.run(Retry.make({ backoff: now })))
      assert.deepStrictEqual(yield* counted(call), {})
    })
  )
})

const attributes = <E>(call: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    let span: Tracer.Span | undefined
    yield* ended(
      Effect.currentSpan.pipe(
        Effect.tap((current) => Effect.sync(() => (span = current))),
        Effect.andThen(Effect.exit(call)),
        Effect.withSpan("call")
      )
    )
    return Object.fromEntries(span?.attributes ?? [])
  })

describe("spans", () => {
  const policy = Retry.make({ name: "prices", spans: true, backoff: now, retries: 2 })

  it.effect("say how many attempts it took, and why it was given up", () =>
    Effect.gen(function* () {
      const prices = { "retry.policy": "prices" }
      const run = (failures: number) => attributes(Retry.run(flaky(failures), policy))
      assert.deepStrictEqual(yield* run(0), { ...prices, "retry.attempts": 1 })
      assert.deepStrictEqual(yield* run(2), { ...prices, "retry.attempts": 3 })
      const given = { ...prices, "retry.attempts": 3, "retry.given_up": "attempts" }
      assert.deepStrictEqual(yield* run(9), given)
      const last = Retry.make({ name: "prices", spans: true, backoff: now, retries: 2, surface: "last" })
      assert.deepStrictEqual(yield* attributes(Retry.run(flaky(9), last)), given)
      const driven = Effect.retry(flaky(9), Retry.toSchedule(policy))
      assert.deepStrictEqual(yield* attributes(driven), given)
    })
  )

  it.effect("are written to only if that was asked for, and need not be there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attributes(Retry.run(flaky(9), Retry.make({ backoff: now }))), {})
      assert.deepStrictEqual(yield* ended(Retry.run(flaky(2), policy)), Exit.succeed(3))
    })
  )
})

const bug = () => {
  throw new Error("a bug in a hook")
}

describe("hooks", () => {
  it.effect("come before and after each delay, and on giving up", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const note = (what: string) => (event: { readonly number?: number; readonly count?: number }) =>
        Effect.map(
          Clock.currentTimeMillis,
          (at) => void log.push(`${at} ${what} ${event.number ?? event.count}`)
        )
      const policy = Retry.make({
        retries: 2,
        backoff: Backoff.constant("1 second"),
        onRetry: note("before the delay after"),
        afterDelay: note("after the delay after"),
        onGiveUp: note("gave up after")
      })
      yield* ended(
        Retry.run(
          Effect.suspend(() => Effect.fail(log.push("call"))),
          policy
        )
      )
      assert.deepStrictEqual(log, [
        "call",
        "0 before the delay after 1",
        "1000 after the delay after 1",
        "call",
        "1000 before the delay after 2",
        "2000 after the delay after 2",
        "call",
        "2000 gave up after 3"
      ])
    })
  )

  it.effect("end the call if they throw, and can be interrupted", () =>
    Effect.gen(function* () {
      for (const hook of ["onRetry", "afterDelay", "onGiveUp"]) {
        let calls = 0
        const call = Effect.suspend(() => (calls++, Effect.fail("no")))
        const policy = Retry.make({ retries: 1, backoff: now, [hook]: bug })
        assert.isTrue(Exit.hasDies(yield* ended(Retry.run(call, policy))), hook)
        assert.strictEqual(calls, hook === "onGiveUp" ? 2 : 1)
        const hangs = Retry.make({ retries: 1, backoff: now, [hook]: () => Effect.never })
        const fiber = yield* Effect.forkChild(Retry.run(call, hangs), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)), hook)
      }
    })
  )

  it.effect("tell of each hedge before it starts, and each attempt knows its number", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = Effect.andThen(
        Effect.map(Hedge.CurrentAttempt, (number) => log.push(`attempt ${number}`)),
        Effect.sleep("1 second")
      )
      const onHedge = (number: number) => Effect.sync(() => log.push(`hedge ${number}`))
      yield* ended(Hedge.run(slow, { after: 100, attempts: 3, onHedge }))
      assert.deepStrictEqual(log, ["attempt 1", "hedge 2", "attempt 2", "hedge 3", "attempt 3"])
    })
  )
})
