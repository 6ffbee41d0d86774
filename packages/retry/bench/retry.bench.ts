/** What a retry costs around a call, next to the call alone, to `Effect.retry`, and to its peers. */
import { ConstantBackoff, handleAll, retry as cockatiel } from "cockatiel"
import * as Effect from "effect/Effect"
import pRetry from "p-retry"
import type { Case } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { Backoff, Hedge, Retry, RetryBudget } from "../src/index.ts"

/** Runs an effect `n` times in one fiber, and looks at each exit. */
const repeat =
  <E>(effect: Effect.Effect<unknown, E>) =>
  (n: number): void =>
    Effect.runSync(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Effect.exit(effect)
      })
    )

/** Each operation builds its effect and runs it, as a dispatcher does. */
const dispatches =
  (wrap: (effect: Effect.Effect<number>) => Effect.Effect<unknown, unknown>) =>
  (n: number): void => {
    for (let i = 0; i < n; i++) Effect.runSync(wrap(Effect.sync(() => ++sink)))
  }

/** Awaits a promise `n` times, and looks at how each ended. */
const awaited =
  (call: () => Promise<unknown>) =>
  async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) await call().catch(() => undefined)
  }

let sink = 0
const call = Effect.sync(() => ++sink)
const asyncCall = async (): Promise<number> => ++sink
const down = new Error("down")
const fail = Effect.suspend(() => Effect.fail(down))
const asyncFail = async (): Promise<never> => {
  throw down
}

const now = Backoff.constant(0)
const policy = Retry.make()
const byCategory = Retry.byCategory({ surface: "last" })
const idempotent = { idempotent: true }
const withDeadline = Retry.make({ maxElapsed: "1 minute" })
const withBudget = Retry.make({ budget: RetryBudget.make() })
const withTimeout = Retry.make({ timeout: "1 minute" })
const atOnce = Retry.make({ retries: 3, backoff: now })
const lastAtOnce = Retry.make({ retries: 3, backoff: now, surface: "last" })

const three = { times: 3 }
const cockatielThree = cockatiel(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(0) })
const pRetryThree = { retries: 3, minTimeout: 0, maxTimeout: 0 }
const fourTimes = repeat(fail)

/** A call that is retried so often, next to Effect's own. The ratio says whether a retry costs more the more there were before. */
const overRetries = (retries: number): Case => ({
  name: `retries-${retries}`,
  unit: "us/call",
  baseline: { name: "Effect.retry", run: repeat(Effect.retry(fail, { times: retries })) },
  subject: {
    name: `${retries} retries without a delay`,
    run: repeat(Retry.run(fail, Retry.make({ retries, backoff: now })))
  },
  goal: { ratio: 1 }
})

export default bench([
  {
    name: "success",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "Retry.run", run: repeat(Retry.run(call, policy)) },
    peers: [{ name: "Effect.retry", run: repeat(Effect.retry(call, three)) }],
    // The loop and its exits are among the bytes, as they are around the bare effect.
    goal: { ratio: 1.3, bytes: 350 }
  },
  {
    name: "success-built-per-call",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: dispatches((effect) => effect) },
    subject: {
      name: "Retry.run by category",
      run: dispatches((effect) => Retry.run(effect, byCategory, idempotent))
    },
    peers: [{ name: "Effect.retry", run: dispatches((effect) => Effect.retry(effect, three)) }]
  },
  {
    name: "success-max-elapsed",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "Retry.run, maxElapsed", run: repeat(Retry.run(call, withDeadline)) },
    goal: { ratio: 2 }
  },
  {
    name: "success-budget",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "Retry.run, budget", run: repeat(Retry.run(call, withBudget)) },
    goal: { ratio: 2 }
  },
  {
    name: "success-timeout",
    unit: "ns/op",
    baseline: { name: "Effect.timeout", run: repeat(Effect.timeout(call, "1 minute")) },
    subject: { name: "Retry.run, timeout", run: repeat(Retry.run(call, withTimeout)) },
    goal: { ratio: 1.1 }
  },
  {
    name: "success-hedge",
    unit: "ns/op",
    baseline: { name: "Effect.timeout", run: repeat(Effect.timeout(call, "1 minute")) },
    subject: { name: "Hedge.run", run: repeat(Hedge.run(call, { after: "1 minute" })) }
  },
  {
    name: "failure-3-retries",
    unit: "ns/op",
    baseline: { name: "the four calls alone", run: (n) => fourTimes(4 * n) },
    subject: { name: "Retry.run, last error", run: repeat(Retry.run(fail, lastAtOnce)) },
    peers: [
      { name: "Retry.run, history", run: repeat(Retry.run(fail, atOnce)) },
      { name: "Effect.retry", run: repeat(Effect.retry(fail, three)) }
    ]
  },
  {
    // Next to the same async call alone.
    name: "peers-success",
    unit: "ns/op",
    baseline: { name: "bare async call", run: awaited(asyncCall) },
    subject: { name: "Retry.run", run: repeat(Retry.run(call, policy)) },
    peers: [
      { name: "cockatiel", run: awaited(() => cockatielThree.execute(asyncCall)) },
      { name: "p-retry", run: awaited(() => pRetry(asyncCall, pRetryThree)) },
      { name: "Effect.retry", run: repeat(Effect.retry(call, three)) }
    ]
  },
  {
    // A retry without a delay: the peers make a timer for it.
    name: "peers-3-retries-at-once",
    unit: "us/call",
    baseline: { name: "a rejected promise", run: awaited(asyncFail) },
    subject: { name: "Retry.run", run: repeat(Retry.run(fail, atOnce)) },
    peers: [
      { name: "cockatiel", run: awaited(() => cockatielThree.execute(asyncFail)) },
      { name: "p-retry", run: awaited(() => pRetry(asyncFail, pRetryThree)) },
      { name: "Effect.retry", run: repeat(Effect.retry(fail, three)) }
    ]
  },
  overRetries(10),
  overRetries(1_000),
  overRetries(100_000)
])
