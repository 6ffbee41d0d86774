/**
 * `node bench/spread.ts`: how even 100,000 keys lie over 10 equal targets by each strategy, and how many would go elsewhere
 * in a new table with one target more or less. (In the same table nothing that is bound moves when a target is added.)
 */
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as HashRing from "effect/HashRing"
import * as PrimaryKey from "effect/PrimaryKey"

const KEYS = 100_000
const ids = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `worker-${i}`)

type Place = (targets: ReadonlyArray<string>) => ReadonlyArray<string>

const table =
  (placement: Placement.Strategy): Place =>
  (targets) => {
    const make = SessionAffinity.make({ placement, maxBindings: KEYS })
    const affinity = Effect.runSync(Effect.scoped(make))
    for (const id of targets) affinity.addUnsafe(id)
    return Array.from({ length: KEYS }, (_, i) => Effect.runSync(affinity.resolve(`session-${i}`)).target)
  }

const ring: Place = (targets) => {
  const nodes = targets.map((id) => ({ id, [PrimaryKey.symbol]: () => id }))
  const made = HashRing.addMany(HashRing.make<(typeof nodes)[number]>(), nodes)
  return Array.from({ length: KEYS }, (_, i) => HashRing.get(made, `session-${i}`)?.id ?? "")
}

const moved = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): string =>
  `${((100 * before.filter((id, i) => id !== after[i]).length) / KEYS).toFixed(2)} %`

const row = (place: Place) => {
  const before = place(ids(10))
  const counts = ids(10).map((target) => before.filter((id) => id === target).length)
  return {
    "max/mean": (Math.max(...counts) / (KEYS / 10)).toFixed(4),
    "min/mean": (Math.min(...counts) / (KEYS / 10)).toFixed(4),
    "one more moves": moved(before, place(ids(11))),
    "one less moves": moved(before, place(ids(10).slice(1)))
  }
}

console.table({
  rendezvous: row(table(Placement.rendezvous)),
  "bounded loads, c 1.25": row(table(Placement.boundedLoads())),
  "bounded loads, c 1.01": row(table(Placement.boundedLoads({ c: 1.01 }))),
  "two choices": row(table(Placement.twoChoices())),
  "least loaded": row(table(Placement.leastLoaded())),
  "round robin": row(table(Placement.roundRobin)),
  "Effect's HashRing": row(ring)
})
