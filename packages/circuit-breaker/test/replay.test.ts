import { assert, it } from "@effect/vitest"
import { CircuitBreaker } from "../src/index.ts"

const { failure, replay, success } = CircuitBreaker

const seconds = (n: number): number => n * 1_000

/** A call each second: well for a minute, down for two, well again. */
const outage: ReadonlyArray<CircuitBreaker.Recorded> = Array.from({ length: 300 }, (_, second) => ({
  at: seconds(second),
  outcome: second >= 60 && second < 180 ? failure() : success
}))

it("says when a policy would have opened and closed, and what that would have cost and spared", () => {
  const replayed = replay({ openDuration: "30 seconds", halfOpen: { trials: 2 } }, outage)
  assert.deepStrictEqual(
    replayed.transitions.map(({ at, from, to }) => [at / 1_000, `${from}-${to}`]),
    [
      [64, "Closed-Open"],
      [94, "Open-HalfOpen"],
      [94, "HalfOpen-Open"],
      [124, "Open-HalfOpen"],
      [124, "HalfOpen-Open"],
      [154, "Open-HalfOpen"],
      [154, "HalfOpen-Open"],
      [184, "Open-HalfOpen"],
      [185, "HalfOpen-Closed"]
    ]
  )
  const { admitted, rejected, rejectedFailures, rejectedSuccesses } = replayed
  assert.deepStrictEqual([admitted + rejected, rejectedFailures, rejectedSuccesses], [300, 112, 4])
})

it("compares policies on the same log", () => {
  const slow = replay({ tripPolicy: CircuitBreaker.failureRate({ over: { window: "1 minute" } }) }, outage)
  const quick = replay({ tripPolicy: CircuitBreaker.consecutive(2) }, outage)
  assert.isAbove(slow.transitions[0]?.at ?? 0, quick.transitions[0]?.at ?? 0)
})

it("takes the time that calls took into account: they begin before they end", () => {
  const log: ReadonlyArray<CircuitBreaker.Recorded> = [
    { at: seconds(10), took: seconds(10), outcome: success },
    { at: seconds(11), took: seconds(10), outcome: success },
    { at: seconds(12), took: seconds(1), outcome: success }
  ]
  const tripPolicy = CircuitBreaker.slowCalls({ slowAfter: "5 seconds", over: { calls: 4 }, minimum: 2 })
  const { rejectedSuccesses, transitions } = replay({ tripPolicy }, log)
  assert.deepStrictEqual(
    transitions.map(({ at, reason, to }) => [at, to, reason._tag]),
    [[seconds(6), "Open", "SlowCalls"]]
  )
  assert.strictEqual(rejectedSuccesses, 1)
})

it("honours what a failure asked for", () => {
  const log = [
    { at: 0, outcome: failure({ retryAfter: "10 minutes" }) },
    { at: seconds(599), outcome: success },
    { at: seconds(600), outcome: success }
  ]
  const { admitted, rejected } = replay({ tripPolicy: CircuitBreaker.consecutive(1) }, log)
  assert.deepStrictEqual([admitted, rejected], [2, 1])
})

it("refuses options that make no sense", () => {
  assert.throws(() => replay({ halfOpen: { trials: 0 } }, []), /CircuitBreaker\.replay.*trials/s)
})
