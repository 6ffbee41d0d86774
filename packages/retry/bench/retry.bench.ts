import * as Effect from "effect/Effect"
import { bench } from "../../../scripts/bench/bench.ts"
import * as Retry from "../src/Retry.ts"

let sink = 0
const bare = Effect.sync(() => sink++)

/** Each operation is a call from outside, as a server makes it: one fiber, one effect that was built before. */
const calls =
  (effect: Effect.Effect<unknown, unknown>) =>
  (n: number): void => {
    for (let i = 0; i < n; i++) Effect.runSync(effect)
  }

/** Each operation builds its effect and runs it, as a dispatcher does. */
const dispatches =
  (wrap: (effect: Effect.Effect<number>) => Effect.Effect<unknown, unknown>) =>
  (n: number): void => {
    for (let i = 0; i < n; i++) Effect.runSync(wrap(Effect.sync(() => sink++)))
  }

const policy = Retry.make()
const byCategory = Retry.byCategory({ surface: "last" })
const deadline = Retry.make({ maxElapsed: "1 minute" })
const idempotent = { idempotent: true }

export default bench([
  {
    name: "success",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: calls(bare) },
    subject: { name: "Retry.run", run: calls(Retry.run(bare, policy)) },
    peers: [{ name: "Effect.retry", run: calls(Effect.retry(bare, { times: 3 })) }],
    goal: { ratio: 1.3 }
  },
  {
    name: "success-built-per-call",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: dispatches((effect) => effect) },
    subject: {
      name: "Retry.run by category",
      run: dispatches((effect) => Retry.run(effect, byCategory, idempotent))
    },
    peers: [{ name: "Effect.retry", run: dispatches((effect) => Effect.retry(effect, { times: 3 })) }]
  },
  {
    name: "success-with-deadline",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: calls(bare) },
    subject: { name: "Retry.run with maxElapsed", run: calls(Retry.run(bare, deadline)) },
    goal: { ratio: 2 }
  }
])
