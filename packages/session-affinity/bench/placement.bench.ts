/** What placing a new key costs, by each strategy, next to no more than hashing each target's id once. */
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as HashRing from "effect/HashRing"
import * as PrimaryKey from "effect/PrimaryKey"
import type { Case, Goal, Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { fmix32, fnv1a } from "../src/internal/hash.ts"

const KEYS = 1_024
const keys = Array.from({ length: KEYS }, (_, i) => `session-${i}`)
const key = (i: number): string => keys[i % KEYS] ?? ""

const targetsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `worker-${i}`, weight: 1, load: i % 3, bindings: i % 7 }))

const placing = (
  name: string,
  strategy: Placement.Strategy,
  targets: ReadonlyArray<Placement.Target>
): Subject => ({
  name,
  run: (n) => {
    for (let i = 0; i < n; i++) Placement.choose(strategy, key(i), targets, { turn: i, random: Math.random })
  }
})

/** Kept up to date by who adds and removes; a lookup finds what is there. */
const ringOf = (targets: ReadonlyArray<Placement.Target>): Subject => {
  const nodes = targets.map((target) => ({ ...target, [PrimaryKey.symbol]: () => target.id }))
  const ring = HashRing.addMany(HashRing.make<(typeof nodes)[number]>(), nodes)
  return {
    name: "HashRing.get",
    run: (n) => {
      for (let i = 0; i < n; i++) HashRing.get(ring, key(i))
    }
  }
}

let sum = 0
const among = (count: number, goal: Goal): Case => {
  const targets = targetsOf(count)
  const unequal = targets.map((target, i) => ({ ...target, weight: 1 + (i % 4) }))
  return {
    name: `place a key among ${count}`,
    unit: "us/op",
    baseline: {
      name: "hashing each id",
      run: (n) => {
        for (let i = 0; i < n; i++) {
          const state = fnv1a(key(i))
          for (const target of targets) sum += fmix32(fnv1a(target.id, state))
        }
      }
    },
    subject: placing("rendezvous", Placement.rendezvous, targets),
    peers: [
      placing("rendezvous, by weight", Placement.rendezvous, unequal),
      placing("bounded loads", Placement.boundedLoads(), targets),
      placing("least loaded", Placement.leastLoaded(), targets),
      placing("two choices", Placement.twoChoices(), targets),
      placing("round robin", Placement.roundRobin, targets),
      placing(
        "custom",
        Placement.custom((_key, all) => all[0]?.id),
        targets
      ),
      ringOf(targets)
    ],
    goal
  }
}

/** A key that comes and goes, in a table that holds others. */
const comingAndGoing = async (held: number): Promise<Subject> => {
  // Leaving the scope ends the sweeper, which would keep the process alive; the table goes on.
  const affinity = await Effect.runPromise(Effect.scoped(SessionAffinity.make({ maxBindings: held + 1 })))
  for (const { id } of targetsOf(32)) affinity.addUnsafe(id)
  for (let i = 0; i < held; i++) affinity.resolveUnsafe(`held-${i}`)
  return {
    name: `resolve and unbind beside ${held} keys`,
    run: (n) => {
      for (let i = 0; i < n; i++) {
        affinity.resolveUnsafe(key(i))
        affinity.unbindUnsafe(key(i))
      }
    }
  }
}

export default bench(async () => [
  // An id takes about 30 ns: so 32 targets stay below 5 us, and 1,000 below 100 us, by a wide margin.
  among(10, { ratio: 2 }),
  among(32, { ratio: 2 }),
  among(1_000, { ratio: 2 }),
  {
    name: "bind a new key, by keys held",
    unit: "us/op",
    baseline: placing("rendezvous among 32", Placement.rendezvous, targetsOf(32)),
    subject: await comingAndGoing(100_000),
    peers: [await comingAndGoing(10), await comingAndGoing(1_000)]
  }
])

if (!Number.isFinite(sum)) throw new Error("The baseline is not measured")
