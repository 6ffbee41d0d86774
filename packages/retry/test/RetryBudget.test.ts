import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Backoff, Hedge, Retry, RetryBudget } from "../src/index.ts"

/** So many calls that all fail; the number of attempts they made. */
const storm = (calls: number, budget: RetryBudget.RetryBudget) =>
  Effect.gen(function* () {
    let attempts = 0
    const down = Effect.suspend(() => {
      attempts++
      return Effect.fail("down")
    })
    const policy = Retry.make({ retries: 3, backoff: Backoff.constant(0), budget })
    const reasons = new Set<string>()
    for (let i = 0; i < calls; i++) reasons.add((yield* Effect.flip(Retry.run(down, policy))).toString())
    return { attempts, reasons: [...reasons] }
  })

const once = (budget: RetryBudget.RetryBudget) =>
  Retry.make({ retries: 1, backoff: Backoff.constant(0), budget })

describe("a budget", () => {
  it.effect("lets a fleet that fails retry a share of its calls, and a few more", () =>
    Effect.gen(function* () {
      const { attempts } = yield* storm(1_000, RetryBudget.make())
      assert.strictEqual(attempts, 1_000 + 200 + 10)
    })
  )

  it.effect("gives up at once when it is spent, with its own reason", () =>
    Effect.gen(function* () {
      const budget = RetryBudget.make({ ratio: 0, minimum: 1 })
      const policy = Retry.make({ retries: 3, backoff: Backoff.constant(0), budget })
      const error = yield* Effect.flip(Retry.run(Effect.fail("down"), policy))
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.deepInclude(error, { reason: "budget", count: 2, lastError: "down" })
      assert.include(error.message, "the retry budget that it shares is spent")
    })
  )

  it.effect("is shared by policies, and filled again as its window passes", () =>
    Effect.gen(function* () {
      const budget = RetryBudget.make({ ratio: 0, minimum: 4, window: "10 seconds" })
      assert.strictEqual((yield* storm(1, budget)).attempts, 4)
      assert.strictEqual((yield* storm(1, budget)).attempts, 2)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* storm(1, budget)).attempts, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* storm(1, budget)).attempts, 4)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(budget.statusUnsafe(3_620_000), { calls: 0, retries: 0, left: 4 })
      const slower = RetryBudget.make({ ratio: 0, minimum: 4, window: "1 minute" })
      yield* storm(2, slower)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual((yield* storm(1, slower)).attempts, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* storm(1, slower)).attempts, 4)
    })
  )

  it.effect("takes nothing from calls that succeed, or whose errors pass", () =>
    Effect.gen(function* () {
      const budget = RetryBudget.make({ ratio: 1, minimum: 0 })
      const policy = Retry.make({ budget, while: (error: string) => error === "down" })
      for (let i = 0; i < 3; i++) yield* Retry.run(Effect.succeed(1), policy)
      yield* Effect.exit(Retry.run(Effect.fail("other"), policy))
      assert.deepStrictEqual(budget.statusUnsafe(0), { calls: 4, retries: 0, left: 4 })
    })
  )

  it.effect("counts a call once, whatever retries and hedges around it share it", () =>
    Effect.gen(function* () {
      const shapes: ReadonlyArray<(budget: RetryBudget.RetryBudget) => Effect.Effect<unknown, unknown>> = [
        (budget) => down.pipe(Hedge.run({ after: 10, budget }), Retry.run(once(budget))),
        (budget) => down.pipe(Retry.run(once(budget)), Hedge.run({ after: 10, budget })),
        (budget) => down.pipe(Retry.run(once(budget)), Retry.run(once(budget))),
        (budget) =>
          down.pipe(Retry.run(once(budget)), Retry.run(once(RetryBudget.make())), Retry.run(once(budget)))
      ]
      const down = Effect.fail("down")
      for (const shape of shapes) {
        const budget = RetryBudget.make()
        yield* Effect.exit(Effect.andThen(Effect.exit(shape(budget)), shape(budget)))
        assert.strictEqual(budget.statusUnsafe(0).calls, 2)
      }
    })
  )

  it("allows exactly its ratio, whatever the rounding of the machine", () => {
    const budget = RetryBudget.make({ ratio: 0.29, minimum: 0 })
    for (let call = 0; call < 100; call++) budget.callUnsafe(0)
    assert.strictEqual(budget.statusUnsafe(0).left, 29)
  })

  const refused: ReadonlyArray<readonly [options: unknown, named: RegExp]> = [
    [{ ratio: 2 }, /ratio/],
    [{ minimum: -1 }, /minimum/],
    [{ window: 0 }, /window/],
    [{ tokens: 1 }, /tokens/]
  ]
  for (const [options, named] of refused)
    it(`refuses ${JSON.stringify(options)}`, () =>
      assert.throws(() => Reflect.apply(RetryBudget.make, undefined, [options]), named))
})
