/** What a retry must guarantee. `docs/guarantees.md` has the list. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Backoff, Category, Retry } from "../src/index.ts"

const now = Backoff.constant(0)

/** Runs an effect under a policy, through as much virtual time as it needs; how it ended, and how often it ran. */
const tried = <A, E>(effect: Effect.Effect<A, E>, policy: Retry.Policy<E>) =>
  Effect.gen(function* () {
    let runs = 0
    const counted = Effect.suspend(() => {
      runs++
      return effect
    })
    const fiber = yield* Effect.forkChild(Effect.exit(Retry.run(counted, policy)))
    yield* TestClock.adjust("1 day")
    return { exit: yield* Fiber.join(fiber), runs }
  })

it.effect("D21 what is thrown is a defect: it passes at once, and is retried by no policy", () =>
  Effect.gen(function* () {
    const thrown = Effect.sync((): string => {
      throw new Error("a bug")
    })
    for (const policy of [Retry.make({ retries: 5, backoff: now }), Retry.byCategory()]) {
      const { exit, runs } = yield* tried(thrown, policy)
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(runs, 1)
    }
  })
)

it.effect("D23 the delays of the table are those that are slept: there is no other", () =>
  Effect.gen(function* () {
    for (const [category, rule] of Object.entries(Category.rules)) {
      // By chance, or only when asked for.
      if (category === "connection" || category === "circuit") continue
      const delays = Backoff.isBackoff(rule.backoff) ? Backoff.preview(rule.backoff, rule.retries) : []
      const slept = delays.reduce((sum, delay) => sum + delay, 0)
      const fiber = yield* Effect.forkChild(
        Effect.exit(Retry.run(Effect.fail({ category }), Retry.byCategory(), { idempotent: true }))
      )
      yield* TestClock.adjust(Math.max(0, slept - 1))
      if (slept > 0) assert.isUndefined(fiber.pollUnsafe(), category)
      yield* TestClock.adjust(2)
      assert.isDefined(fiber.pollUnsafe(), category)
    }
  })
)

it("D24 a delay is a function of attempt and chance alone, and never exceeds its cap", () => {
  const backoffs = [
    Backoff.exponential(100, { cap: 5_000, jitter: "full" }),
    Backoff.exponential(3, { cap: 7, jitter: { proportional: 0.25 } }),
    Backoff.fibonacci(100, { cap: 5_000, jitter: "equal" }),
    Backoff.decorrelatedV1(100, { cap: 5_000 }),
    Backoff.decorrelatedV2(100, { cap: 5_000 })
  ]
  for (const backoff of backoffs) {
    for (const draw of [0, 0.25, 0.5, 0.999_999]) {
      const first = Backoff.preview(backoff, 200, draw)
      // Whatever was asked between: nothing is remembered.
      Backoff.preview(backoff, 7, 1 - draw / 2)
      assert.deepStrictEqual(Backoff.preview(backoff, 200, draw), first)
      for (const delay of first) assert.isTrue(delay >= 0 && delay <= backoff.cap, `${delay}`)
    }
  }
})

it.effect("D25 any value is a result, whatever it looks like", () =>
  Effect.gen(function* () {
    const values = [undefined, null, 0, "", false, new Error("no failure"), { _tag: "Failure" }, ["error", 1]]
    for (const value of values) {
      const { exit, runs } = yield* tried(Effect.succeed(value), Retry.make({ retries: 3, backoff: now }))
      assert.deepStrictEqual(exit, Exit.succeed(value))
      assert.strictEqual(runs, 1)
    }
  })
)
