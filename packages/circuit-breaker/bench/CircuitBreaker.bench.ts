import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Upstream from "effect/persistence/CircuitBreaker"
import { bench } from "../../../scripts/bench/bench.ts"
import { CircuitBreaker } from "../src/index.ts"

/** Runs an effect `n` times in one fiber, and looks at each exit. */
const repeat =
  <E>(effect: Effect.Effect<unknown, E>) =>
  (n: number): void =>
    Effect.runSync(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Effect.exit(effect)
      })
    )

let calls = 0
const call = Effect.sync(() => ++calls)
const fail = Effect.suspend(() => Effect.fail(shared))
const shared = { _tag: "Down" } as const

const closed = Effect.runSync(CircuitBreaker.make())
const open = Effect.runSync(CircuitBreaker.make())
open.tripUnsafe()

const upstream = Effect.runSync(
  Upstream.make({ tripPolicy: Upstream.consecutive(5), openDuration: "60 seconds" }).pipe(
    Scope.provide(Scope.makeUnsafe()),
    Effect.provide(Upstream.layerStoreMemory())
  )
)
const upstreamCall = upstream.execute(call, { key: "key" })
const upstreamOpen = upstream.execute(call, { key: "open" })
const upstreamFail = upstream.execute(fail, { key: "open" })
for (let i = 0; i < 5; i++) Effect.runSync(Effect.exit(upstreamFail))
if (Exit.isSuccess(Effect.runSync(Effect.exit(upstreamOpen))))
  throw new Error("the peer's circuit should be open")

export default bench([
  {
    name: "closed-success",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "run", run: repeat(closed.run(call)) },
    peers: [{ name: "effect/persistence", run: repeat(upstreamCall) }],
    goal: { ratio: 2.3 }
  },
  {
    // The least that can be done around a call: no breaker can be under it.
    name: "closed-success-floor",
    unit: "ns/op",
    baseline: {
      name: "suspend + empty onExitPrimitive",
      run: repeat(Effect.suspend(() => Effect.onExitPrimitive(call, () => undefined)))
    },
    subject: { name: "run", run: repeat(closed.run(call)) },
    goal: { ratio: 1.25 }
  },
  {
    name: "open-rejected",
    unit: "ns/op",
    baseline: { name: "Effect.fail of a shared error", run: repeat(fail) },
    subject: { name: "run", run: repeat(open.run(call)) },
    peers: [{ name: "effect/persistence", run: repeat(upstreamOpen) }],
    goal: { ratio: 2.5 }
  }
])
