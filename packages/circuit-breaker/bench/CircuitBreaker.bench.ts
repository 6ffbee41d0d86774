/** What a breaker costs around a call, next to the call alone, to the least that could be put around it, and to its peers. */
import { ConsecutiveBreaker, circuitBreaker, handleAll } from "cockatiel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Upstream from "effect/persistence/CircuitBreaker"
import Opossum from "opossum"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { CircuitBreaker, CircuitBreakers } from "../src/index.ts"

/** Runs an effect `n` times in one fiber, and looks at each exit. */
const repeat =
  <E>(effect: Effect.Effect<unknown, E>) =>
  (n: number): void =>
    Effect.runSync(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Effect.exit(effect)
      })
    )

/** Awaits a promise `n` times, and looks at how each ended. */
const awaited =
  (call: () => Promise<unknown>) =>
  async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) await call().catch(() => undefined)
  }

let calls = 0
const call = Effect.sync(() => ++calls)
const asyncCall = async (): Promise<number> => ++calls
const fail = Effect.suspend(() => Effect.fail(shared))
const shared = { _tag: "Down" } as const

const made = (options: CircuitBreaker.Options = {}) => Effect.runSync(CircuitBreaker.make(options))
const closed = made()
const open = made()
open.tripUnsafe()
const tracked = made({
  tripPolicy: CircuitBreaker.anyOf([
    CircuitBreaker.failureRate({ over: { window: "30 seconds" } }),
    CircuitBreaker.slowCalls({ slowAfter: "10 seconds", over: { window: "30 seconds" } })
  ])
})
const rated = made({ tripPolicy: CircuitBreaker.failureRate() })

const scope = Scope.makeUnsafe()
const keyed = Effect.runSync(Scope.provide(CircuitBreakers.make<number>(), scope))
const keyedCall = keyed.run(call, 1)

const upstream = Effect.runSync(
  Upstream.make({ tripPolicy: Upstream.consecutive(5), openDuration: "60 seconds" }).pipe(
    Scope.provide(scope),
    Effect.provide(Upstream.layerStoreMemory())
  )
)
const upstreamCall = upstream.execute(call, { key: "key" })
const upstreamOpen = upstream.execute(call, { key: "open" })
const upstreamFail = upstream.execute(fail, { key: "open" })
for (let i = 0; i < 5; i++) Effect.runSync(Effect.exit(upstreamFail))
if (Exit.isSuccess(Effect.runSync(Effect.exit(upstreamOpen))))
  throw new Error("the peer's circuit should be open")

/** cockatiel and opossum, closed and open. */
const cockatiel = () =>
  circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) })
const cockatielClosed = cockatiel()
const cockatielOpen = cockatiel()
cockatielOpen.isolate()
const opossumOptions = { timeout: false as const, resetTimeout: 60_000 }

const opossum = (name: string, isOpen: boolean): Subject => {
  let breaker: Opossum<[], number> | undefined
  return {
    name,
    // Its timers would keep the process alive.
    setup: () => {
      breaker = new Opossum(asyncCall, opossumOptions)
      if (isOpen) breaker.open()
    },
    run: (n) => awaited(() => breaker?.fire() ?? Promise.reject(new Error("not set up")))(n),
    teardown: () => breaker?.shutdown()
  }
}

/** How the cost of a keyed call grows with the number of keys: each call is for another one. */
const overKeys = (keys: number): Case => {
  const registry = Effect.runSync(Scope.provide(CircuitBreakers.make<number>(), scope))
  for (let key = 0; key < keys; key++) registry.getUnsafe(key)
  let next = 0
  const each = Effect.suspend(() => registry.run(call, (next = (next + 7_919) % keys)))
  let plainNext = 0
  const plain = Effect.suspend(() => {
    plainNext = (plainNext + 7_919) % keys
    return closed.run(call)
  })
  return {
    name: `keyed-${keys}`,
    unit: "ns/op",
    baseline: { name: "the unkeyed path", run: repeat(plain) },
    subject: { name: `run over ${keys} keys`, run: repeat(each) }
  }
}

export default bench([
  {
    name: "closed-success",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "run", run: repeat(closed.run(call)) },
    peers: [{ name: "effect/persistence", run: repeat(upstreamCall) }],
    goal: { ratio: 2.3, bytes: 350 }
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
    name: "closed-last-100-calls",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "run, failure rate", run: repeat(rated.run(call)) }
  },
  {
    name: "closed-window-and-slow",
    unit: "ns/op",
    baseline: { name: "bare Effect.sync", run: repeat(call) },
    subject: { name: "run, two windows of time, calls tracked", run: repeat(tracked.run(call)) },
    goal: { ratio: 4, bytes: 500 }
  },
  {
    name: "open-rejected",
    unit: "ns/op",
    baseline: { name: "Effect.fail of a shared error", run: repeat(fail) },
    subject: { name: "run", run: repeat(open.run(call)) },
    peers: [{ name: "effect/persistence", run: repeat(upstreamOpen) }],
    goal: { ratio: 2.5 }
  },
  {
    name: "keyed",
    unit: "ns/op",
    baseline: { name: "the unkeyed path", run: repeat(closed.run(call)) },
    subject: { name: "run by key", run: repeat(keyedCall) },
    peers: [{ name: "effect/persistence", run: repeat(upstreamCall) }],
    goal: { ratio: 1.3 }
  },
  overKeys(10),
  overKeys(1_000),
  overKeys(100_000),
  {
    // Next to the same async call alone: what the peers add, and what `run` adds to a bare effect, can be compared in ns.
    name: "peers-closed",
    unit: "ns/op",
    baseline: { name: "bare async call", run: awaited(asyncCall) },
    subject: { name: "run", run: repeat(closed.run(call)) },
    peers: [
      { name: "cockatiel", run: awaited(() => cockatielClosed.execute(asyncCall)) },
      opossum("opossum", false),
      { name: "bare Effect.sync", run: repeat(call) }
    ]
  },
  {
    name: "peers-open",
    unit: "ns/op",
    baseline: { name: "a rejected promise", run: awaited(() => Promise.reject(shared)) },
    subject: { name: "run", run: repeat(open.run(call)) },
    peers: [
      { name: "cockatiel", run: awaited(() => cockatielOpen.execute(asyncCall)) },
      opossum("opossum", true)
    ]
  }
])
