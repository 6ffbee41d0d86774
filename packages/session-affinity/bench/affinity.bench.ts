import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import type { Case } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"

const KEYS = 1_024
const keys = Array.from({ length: KEYS }, (_, i) => `session-${i}`)
const key = (i: number): string => keys[i % KEYS] ?? ""

/** Runs `n` effects in one fiber, so that starting fibers is not what is measured. */
const inOneFiber = (n: number, effect: (i: number) => Effect.Effect<unknown, unknown>): Promise<void> => {
  let i = 0
  return Effect.runPromise(
    Effect.whileLoop({ while: () => i < n, body: () => effect(i), step: () => void i++ })
  )
}

// Leaving the scope ends the sweeper, which would keep the process alive; the table goes on.
const affinity = await Effect.runPromise(Effect.scoped(SessionAffinity.make()))
for (let i = 0; i < 8; i++) affinity.addUnsafe(`worker-${i}`)
for (const key of keys) affinity.resolveUnsafe(key)

const plain = new Map(keys.map((key) => [key, { target: "worker-1" }]))
const bareMap = {
  name: "bare Map.get in Effect.sync",
  run: (n: number) => inOneFiber(n, (i) => Effect.sync(() => plain.get(key(i))))
}

/** How the cost of a hit grows with the number of keys: each call is for another one, next to a bare map of as many. */
const overKeys = (count: number): Case => {
  const many = Array.from({ length: count }, (_, i) => `session-${i}`)
  let affinity: SessionAffinity.SessionAffinity | undefined
  let plain: Map<string, { readonly target: string }> | undefined
  let next = 0
  const following = (): string => many[(next = (next + 7_919) % count)] ?? ""
  return {
    name: `resolve one of ${count.toLocaleString("en")} keys`,
    unit: "ns/op",
    baseline: {
      name: "bare Map.get in Effect.sync",
      setup: () => void (plain = new Map(many.map((key) => [key, { target: "worker-1" }]))),
      run: (n) => inOneFiber(n, () => Effect.sync(() => plain?.get(following()))),
      teardown: () => void (plain = undefined)
    },
    subject: {
      name: "resolve",
      setup: async () => {
        affinity = await Effect.runPromise(Effect.scoped(SessionAffinity.make({ maxBindings: 1_000_000 })))
        for (let i = 0; i < 8; i++) affinity.addUnsafe(`worker-${i}`)
        for (const key of many) affinity.resolveUnsafe(key)
      },
      run: (n) => inOneFiber(n, () => affinity?.resolve(following()) ?? Effect.die("not set up")),
      teardown: () => void (affinity = undefined)
    }
  }
}

export default bench([
  {
    name: "resolve a bound key",
    unit: "ns/op",
    baseline: bareMap,
    subject: {
      name: "resolve",
      run: (n) => inOneFiber(n, (i) => affinity.resolve(key(i)))
    },
    goal: { ratio: 3 }
  },
  overKeys(10),
  overKeys(1_000),
  overKeys(100_000),
  overKeys(1_000_000),
  {
    name: "lease a bound key",
    unit: "ns/op",
    baseline: bareMap,
    subject: {
      name: "withTarget",
      run: (n) => inOneFiber(n, (i) => affinity.withTarget(key(i), Effect.succeed))
    }
  }
])
