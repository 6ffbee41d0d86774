import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Backoff from "../src/Backoff.ts"
import type * as Category from "../src/Category.ts"
import * as Retry from "../src/Retry.ts"

const table = Retry.byCategory()

/** Fails with the errors one after the other, then with the last for ever; gives the times of the calls and how it ended. */
const play = <E, S extends Retry.Surface>(
  errors: readonly [E, ...ReadonlyArray<E>],
  policy: Retry.Policy<E, S>,
  idempotent?: boolean
) =>
  Effect.gen(function* () {
    const calls: Array<number> = []
    const call = Effect.flatMap(Clock.currentTimeMillis, (at) =>
      Effect.fail(errors[Math.min(calls.push(at), errors.length) - 1] ?? errors[0])
    )
    const fiber = yield* Effect.forkChild(Effect.flip(Retry.run(call, policy, { idempotent })))
    yield* TestClock.adjust("1 day")
    const error: unknown = yield* Fiber.join(fiber)
    return { calls, end: error instanceof Retry.RetryExhausted ? error.reason : error }
  })

describe("D22 the table, end to end", () => {
  const exact: ReadonlyArray<readonly [Category.Name, ReadonlyArray<number>]> = [
    ["timeout", [0, 1000]],
    ["communication", [0, 0, 100]],
    ["resource", [0, 1000, 3000, 6000]],
    ["initialization", [0, 1000, 3000]],
    ["health", [0, 1000, 3000]]
  ]
  for (const [category, times] of exact)
    it.effect(`${category} is tried at ${times.join(", ")} ms`, () =>
      Effect.map(play([{ category }], table, true), (played) =>
        assert.deepStrictEqual(played, { calls: [...times], end: "attempts" })
      )
    )

  it.effect("connection is tried 5 times, at chance times", () =>
    Effect.gen(function* () {
      const { calls, end } = yield* play([{ category: "connection" }], table)
      assert.deepStrictEqual([calls.length, end], [5, "attempts"])
      assert.isTrue(calls.every((at, n) => n === 0 || at > (calls[n - 1] ?? NaN)))
      assert.isBelow(calls.at(-1) ?? NaN, 3500)
    })
  )

  for (const category of ["circuit", "session", "validation", "python", "system", "nonsense", undefined])
    it.effect(`${category} passes as it is`, () =>
      Effect.gen(function* () {
        const error = { category }
        const { calls, end } = yield* play([error], table, true)
        assert.deepStrictEqual(calls, [0])
        assert.strictEqual(end, error)
      })
    )

  it.effect("resource waits for the error's retryAfter instead, even if it is shorter", () =>
    Effect.gen(function* () {
      const { calls } = yield* play([{ category: "resource", retryAfter: Duration.millis(100) }], table)
      assert.strictEqual(calls.length, 4)
      calls.forEach((at, n) => assert.isTrue(n === 0 || at - (calls[n - 1] ?? NaN) <= 120))
    })
  )

  it.effect("timeout is retried only for an idempotent call, or if it had not begun", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* play([{ category: "timeout" }], table)).end, "idempotency")
      assert.strictEqual((yield* play([{ category: "timeout" }], table, false)).end, "idempotency")
      assert.strictEqual(
        (yield* play([{ category: "timeout", started: "no" }], table, false)).end,
        "attempts"
      )
    })
  )

  it.effect("a circuit's rejection is waited out once, when asked", () =>
    Effect.gen(function* () {
      const rejection = { category: "circuit", retryAfter: Duration.seconds(10) }
      const { calls, end } = yield* play([rejection], Retry.byCategory({ waitForCircuit: true }))
      assert.deepStrictEqual([calls.length, end], [2, "attempts"])
      assert.isTrue((calls[1] ?? NaN) >= 10_000 && (calls[1] ?? NaN) <= 12_000)
    })
  )
})

describe("counts", () => {
  it.effect("are kept for each category apart", () =>
    Effect.gen(function* () {
      const [a, b] = [{ category: "communication" }, { category: "health" }]
      const { calls, end } = yield* play([a, b, a, b, a], table)
      assert.deepStrictEqual(calls, [0, 0, 1000, 1100, 3100])
      assert.strictEqual(end, "attempts")
    })
  )

  it.effect("an error that passes ends it, whatever came before", () =>
    Effect.gen(function* () {
      const last = { category: "validation" }
      const { calls, end } = yield* play([{ category: "communication" }, last], table)
      assert.strictEqual(calls.length, 2)
      assert.strictEqual(end, last)
    })
  )
})

describe("own rules", () => {
  it.effect("add to the table and replace its rows", () =>
    Effect.gen(function* () {
      const policy = Retry.byCategory({
        rules: {
          flood: { severity: "minor", retries: 2, backoff: Backoff.constant("5 seconds") },
          python: { severity: "major", retries: 1 },
          connection: { severity: "major", retries: 0 }
        }
      })
      assert.deepStrictEqual((yield* play([{ category: "flood" }], policy)).calls.length, 3)
      assert.strictEqual((yield* play([{ category: "python" }], policy)).calls.length, 2)
      assert.strictEqual((yield* play([{ category: "connection" }], policy)).calls.length, 1)
      assert.strictEqual((yield* play([{ category: "health" }], policy)).calls.length, 3)
    })
  )

  it.effect("one rule under two names is counted twice", () =>
    Effect.gen(function* () {
      const rule: Category.Rule = { severity: "minor", retries: 1 }
      const policy = Retry.byCategory({ rules: { a: rule, b: rule } })
      assert.strictEqual((yield* play([{ category: "a" }, { category: "b" }], policy)).calls.length, 3)
    })
  )

  it.effect("classify names the category of errors that state none", () =>
    Effect.gen(function* () {
      const policy = Retry.byCategory({
        rules: { busy: { severity: "minor", retries: 2 } },
        classify: (error: { readonly status: number; readonly category?: string }) =>
          error.status === 503 ? "busy" : undefined
      })
      assert.strictEqual((yield* play([{ status: 503 }], policy)).calls.length, 3)
      assert.strictEqual((yield* play([{ status: 404 }], policy)).calls.length, 1)
      assert.strictEqual((yield* play([{ status: 404, category: "health" }], policy)).calls.length, 3)
    })
  )
})
