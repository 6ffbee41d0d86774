import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CircuitBreaker } from "../src/index.ts"
import { decode } from "../src/internal/options.ts"

it("has defaults", () => {
  const { name, policy, tripPolicy } = decode({})
  assert.strictEqual(name, "circuit")
  assert.deepStrictEqual(tripPolicy, CircuitBreaker.consecutive(5))
  const { openTimes, ...numbers } = policy
  assert.deepStrictEqual([openTimes()(1), openTimes()(9)], [60_000, 60_000])
  assert.deepStrictEqual(numbers, {
    firstOpenTime: 60_000,
    maxOpenTime: 3_600_000,
    trials: 3,
    concurrency: 3,
    successes: 3,
    tolerated: 0,
    deadline: 60_000
  })
})

it("derives defaults from other options", () => {
  const { policy } = decode({ openDuration: Duration.hours(2), halfOpen: { trials: 7 } })
  const { openTimes, ...numbers } = policy
  assert.strictEqual(openTimes()(1), 7_200_000)
  assert.deepStrictEqual(numbers, {
    firstOpenTime: 7_200_000,
    maxOpenTime: 7_200_000,
    trials: 7,
    concurrency: 7,
    successes: 7,
    tolerated: 0,
    deadline: 7_200_000
  })
})

describe("by name", () => {
  const refused: ReadonlyArray<readonly [options: unknown, message: RegExp]> = [
    [{ openDurations: "1 minute" }, /openDurations/],
    [{ halfOpen: { trial: 1 } }, /"halfOpen"\]\["trial"/],
    [{ tripPolicy: CircuitBreaker.failureRate({ rate: 0 }) }, /rate/],
    [
      { tripPolicy: CircuitBreaker.failureRate({ over: { calls: 5 }, minimum: 6 }) },
      /minimum \(6\) can never be reached with 5 calls/
    ],
    [{ tripPolicy: CircuitBreaker.slowCalls({ slowAfter: 0 }) }, /slowAfter/],
    [{ tripPolicy: CircuitBreaker.anyOf([]) }, /policies/],
    [
      { tripPolicy: CircuitBreaker.anyOf([CircuitBreaker.slowCalls(), CircuitBreaker.slowCalls()]) },
      /at most one of them can be slowCalls/
    ],
    [{ halfOpen: { failureRate: 1.5 } }, /failureRate/],
    [{ metrics: "yes" }, /metrics/],
    [{ restore: { version: 2 } }, /restore/],
    [{ halfOpen: { successes: 4 } }, /successes \(4\) can never be reached with 3 trials/],
    [{ halfOpen: { trials: 1, successes: 2 } }, /"halfOpen"\]\["successes"/],
    [{ halfOpen: { trials: 2, concurrency: 3 } }, /concurrency \(3\) is over trials \(2\)/],
    [{ halfOpen: { trials: 0 } }, /"trials"/],
    [{ halfOpen: { trials: 1.5 } }, /"trials"/],
    [{ halfOpen: { deadline: 0 } }, /"deadline"/],
    [{ tripPolicy: CircuitBreaker.consecutive(0) }, /"failures"/],
    [{ tripPolicy: { _tag: "Never" } }, /"tripPolicy"/],
    [{ openDuration: -1 }, /"openDuration"/],
    [{ openDuration: "soon" }, /"openDuration"/],
    [{ openDuration: Number.POSITIVE_INFINITY }, /"openDuration"/],
    [{ openDuration: null }, /"openDuration"/],
    [{ openDurationFactor: 0.5 }, /"openDurationFactor"/],
    [{ maxOpenDuration: "30 seconds" }, /maxOpenDuration \(30000 ms\) is under openDuration \(60000 ms\)/],
    [{ classify: true }, /"classify"/],
    [{ name: 1 }, /"name"/]
  ]
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => decode(options), TypeError, message)
    })
  }
})

it.effect("a mistake in the options is a defect of make", () =>
  Effect.gen(function* () {
    const cause = yield* Effect.sandbox(CircuitBreaker.make({ halfOpen: { trials: 1, successes: 2 } })).pipe(
      Effect.flip
    )
    assert.match(
      Cause.pretty(cause),
      /TypeError: CircuitBreaker\.make: successes \(2\) can never be reached with 1 trials/
    )
  })
)
