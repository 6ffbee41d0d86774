/** How even placement is, and what moves when targets change: the figures of the README, with room for other keys. */
import { assert, describe, it } from "@effect/vitest"
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const KEYS = 100_000
const TARGETS = Array.from({ length: 10 }, (_, i) => `worker-${i}`)

const equal = (_id: string): number => 1
const unequal = (id: string): number => (id.endsWith("9") ? 10 : id.endsWith("8") ? 0.5 : 1)

interface Setting {
  readonly placement: Placement.Strategy
  readonly targets?: ReadonlyArray<string>
  readonly weightOf?: (id: string) => number
  readonly keys?: number
}

/** Where a new table binds keys. */
const whereabouts = ({ keys = KEYS, placement, targets = TARGETS, weightOf = equal }: Setting) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ placement, maxBindings: KEYS + 1_000 })
    for (const id of targets) yield* affinity.add(id, { weight: weightOf(id) })
    const at = new Map<string, string>()
    for (let i = 0; i < keys; i++) {
      const { key, target } = yield* Effect.fromResult(affinity.resolveUnsafe(`session-${i}`))
      at.set(key, target)
    }
    return { affinity, at }
  })

const counts = (at: ReadonlyMap<string, string>): Map<string, number> => {
  const counted = new Map<string, number>()
  for (const id of at.values()) counted.set(id, (counted.get(id) ?? 0) + 1)
  return counted
}

/** The most that any of the targets has relative to its share. */
const excess = (at: ReadonlyMap<string, string>, targets = TARGETS, weightOf = equal): number => {
  const weights = targets.reduce((sum, id) => sum + weightOf(id), 0)
  const counted = counts(at)
  return Math.max(...targets.map((id) => ((counted.get(id) ?? 0) / at.size) * (weights / weightOf(id))))
}

const movedKeys = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) =>
  [...before].filter(([key, id]) => after.get(key) !== id).map(([key]) => key)

describe("100,000 keys over 10 equal targets", () => {
  const most: ReadonlyArray<readonly [name: string, placement: Placement.Strategy, limit: number]> = [
    ["rendezvous", Placement.rendezvous, 1.05],
    ["bounded loads", Placement.boundedLoads(), 1.25],
    ["bounded loads with c 1.01", Placement.boundedLoads({ c: 1.01 }), 1.01],
    ["least loaded", Placement.leastLoaded(), 1],
    ["two choices", Placement.twoChoices(), 1.01],
    ["round robin", Placement.roundRobin, 1]
  ]
  for (const [name, placement, limit] of most) {
    it.effect(`${name}: max/mean <= ${limit}`, () =>
      Effect.gen(function* () {
        const { at } = yield* whereabouts({ placement })
        assert.strictEqual(counts(at).size, 10)
        assert.isAtMost(excess(at), limit)
      }).pipe(Random.withSeed("spread"))
    )
  }
})

describe("weights", () => {
  const most: ReadonlyArray<readonly [name: string, placement: Placement.Strategy, limit: number]> = [
    ["rendezvous", Placement.rendezvous, 1.1],
    ["bounded loads with c 1.01", Placement.boundedLoads({ c: 1.01 }), 1.0101],
    ["least loaded", Placement.leastLoaded(), 1.001],
    ["two choices", Placement.twoChoices(), 1.05]
  ]
  for (const [name, placement, limit] of most) {
    it.effect(`${name}: nobody above ${limit} times its share`, () =>
      Effect.gen(function* () {
        const { at } = yield* whereabouts({ placement, weightOf: unequal, keys: 20_000 })
        assert.isAtMost(excess(at, TARGETS, unequal), limit)
      }).pipe(Random.withSeed("weights"))
    )
  }
})

describe("bounded loads", () => {
  it.effect("hold while keys come, whatever comes and goes", () =>
    Effect.gen(function* () {
      const { affinity } = yield* whereabouts({ placement: Placement.boundedLoads({ c: 1.1 }), keys: 0 })
      for (let i = 0; i < 5_000; i++) {
        const { target } = yield* affinity.resolve(`session-${i}`)
        if (i % 3 === 0) yield* affinity.unbind(`session-${i / 3}`)
        if (i % 100 !== 0) continue
        const { bindings, targets } = yield* affinity.stats
        const holder = targets.find(({ id }) => id === target)
        // One may have been unbound since it was placed.
        assert.isAtMost(holder?.bindings ?? Number.NaN, Math.ceil((1.1 * (bindings + 1)) / 10))
      }
    })
  )

  it.effect("keep new keys from a target that is hot", () =>
    Effect.gen(function* () {
      const { affinity } = yield* whereabouts({ placement: Placement.boundedLoads({ by: "load" }), keys: 0 })
      for (const id of TARGETS) yield* affinity.report(id, id === "worker-0" ? 13 : 10)
      const at = new Map<string, string>()
      for (let i = 0; i < 1_000; i++) at.set(`${i}`, (yield* affinity.resolve(`session-${i}`)).target)
      // 1.25 * (103 + 1) / 10 is 13: it is full, and the others are not.
      assert.isFalse(counts(at).has("worker-0"))
      assert.isAtMost(excess(at, TARGETS.slice(1)), 1.25)
      yield* affinity.report("worker-0", 12)
      assert.isTrue(
        (yield* Effect.forEach(at.keys(), (key) => affinity.resolve(`new-${key}`))).some(
          ({ target }) => target === "worker-0"
        )
      )
    })
  )
})

describe("movement", () => {
  const keys = 30_000

  it.effect("a new target takes about its share from the others, and nobody else gets any", () =>
    Effect.gen(function* () {
      const before = yield* whereabouts({ placement: Placement.rendezvous, keys })
      const after = yield* whereabouts({
        placement: Placement.rendezvous,
        keys,
        targets: [...TARGETS, "new"]
      })
      const moved = movedKeys(before.at, after.at)
      for (const key of moved) assert.strictEqual(after.at.get(key), "new")
      assert.isAtMost(moved.length / keys, 1.05 / 11)
      assert.isAtLeast(moved.length / keys, 0.95 / 11)
    })
  )

  it.effect("a removed target's keys go to all others alike, and nobody else's move", () =>
    Effect.gen(function* () {
      const before = yield* whereabouts({ placement: Placement.rendezvous, keys })
      const after = yield* whereabouts({ placement: Placement.rendezvous, keys, targets: TARGETS.slice(1) })
      const moved = movedKeys(before.at, after.at)
      assert.strictEqual(moved.length, counts(before.at).get("worker-0"))
      for (const key of moved) assert.strictEqual(before.at.get(key), "worker-0")
      assert.isAtMost(
        excess(new Map(moved.map((key) => [key, after.at.get(key) ?? ""])), TARGETS.slice(1)),
        1.15
      )
    })
  )

  for (const [name, placement] of [
    ["rendezvous", Placement.rendezvous],
    ["bounded loads", Placement.boundedLoads({ c: 1.05 })],
    ["least loaded", Placement.leastLoaded({ by: "bindings" })],
    ["two choices", Placement.twoChoices({ by: "bindings" })],
    ["round robin", Placement.roundRobin]
  ] as const) {
    it.effect(`${name}: of what is bound, adding moves nothing, and removing exactly what was there`, () =>
      Effect.gen(function* () {
        const { affinity, at } = yield* whereabouts({ placement, keys: 5_000 })
        const now = () =>
          Effect.map(
            Effect.forEach([...at.keys()], (key) => affinity.resolve(key, { mode: "rebind" })),
            (all) => new Map(all.map(({ key, target }) => [key, target]))
          )
        yield* affinity.add("new")
        assert.isEmpty(movedKeys(at, yield* now()))
        const lost = yield* affinity.remove("worker-0")
        const moved = movedKeys(at, yield* now())
        assert.sameMembers(moved, [...lost])
        assert.strictEqual(moved.length, counts(at).get("worker-0"))
      }).pipe(Random.withSeed("movement"))
    )
  }
})

const agree = (placement: Placement.Strategy, keys: number) =>
  Effect.gen(function* () {
    const one = yield* whereabouts({ placement, weightOf: unequal, keys })
    const other = yield* whereabouts({ placement, weightOf: unequal, keys, targets: TARGETS.toReversed() })
    assert.isEmpty(movedKeys(one.at, other.at))
  })

describe("two tables that share nothing", () => {
  it.effect("agree by rendezvous, in whatever order their targets came", () =>
    agree(Placement.rendezvous, 10_000)
  )

  it.effect("agree by bounded loads, if they place the same keys in the same order", () =>
    agree(Placement.boundedLoads({ c: 1.01 }), 10_000)
  )

  it.effect("agree by two choices, if they draw the same numbers", () => {
    const placed = whereabouts({ placement: Placement.twoChoices(), keys: 1_000 }).pipe(
      Random.withSeed("same")
    )
    return Effect.gen(function* () {
      const [one, other] = [yield* placed, yield* placed]
      assert.isEmpty(movedKeys(one.at, other.at))
      const third = yield* Random.withSeed(
        whereabouts({ placement: Placement.twoChoices(), keys: 1_000 }),
        "other"
      )
      assert.isNotEmpty(movedKeys(one.at, third.at))
    })
  })
})
