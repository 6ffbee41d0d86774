import { assert, describe, it } from "@effect/vitest"
import type { Binding } from "@fireweed/session-affinity"
import { Mode } from "@fireweed/session-affinity"
import * as Result from "effect/Result"
import * as Life from "../src/internal/life.ts"
import { type Answer, isAssignment } from "../src/internal/obstacle.ts"
import * as Routing from "../src/internal/routing.ts"
import * as Saved from "../src/internal/saved.ts"
import * as Table from "../src/internal/table.ts"
import * as View from "../src/internal/view.ts"
import { isBusy, Model } from "./support/model.ts"
import { generator } from "./support/random.ts"
import { assigned, resolve, settings as plain } from "./support/table.ts"

const KEYS = Array.from({ length: 14 }, (_, i) => `k${i}`)
const TARGETS = ["a", "b", "c", "d"]
const LIFETIME = 20
const STEPS = 300
const SEEDS = 40

const settings = (options: Partial<Table.Settings>): Table.Settings =>
  plain({ lifetime: LIFETIME, maxBindings: 10, busy: isBusy, ...options })

const said = (answer: Answer): string => {
  if (isAssignment(answer)) return `${answer.target}#${answer.epoch}`
  if (answer instanceof Table.Target) return `waits for ${answer.id}`
  return "_tag" in answer ? answer._tag : "?"
}

const configurations = [
  settings({}),
  settings({ evict: true }),
  settings({ sliding: false }),
  settings({ sliding: false, evict: true }),
  settings({ lifetime: Number.POSITIVE_INFINITY }),
  settings({ maxBindings: 100 })
]

describe("random sequences of add, remove, drain, bind, unbind, resolve, lease and time", () => {
  for (const configuration of configurations) {
    const { evict, lifetime, maxBindings, sliding } = configuration
    it(`agree with a naive model: ${JSON.stringify({ evict, lifetime, maxBindings, sliding })}`, () => {
      for (let seed = 1; seed <= SEEDS; seed++)
        assert.strictEqual(run(configuration, seed), 0, `seed ${seed}`)
    })
  }
})

/** Compares step by step; answers the load that is left when all leases are given back. */
const run = (configuration: Table.Settings, seed: number): number => {
  const { below, pick } = generator(seed)
  const table = Table.make(configuration)
  const model = new Model(configuration)
  const leases: Array<ReadonlyArray<(now: number) => void>> = []
  let now = 0

  for (let step = 0; step < STEPS; step++) {
    const where = `seed ${seed}, step ${step}`
    now += below(4)
    // A table may be swept at any time; the model must be, as it never looks at a clock.
    Life.sweep(table, now)
    model.sweep(now)
    const key = pick(KEYS)
    const id = pick(TARGETS)
    const rules = Mode.rules[pick(["prefer", "wait", "strict", "rebind"] as const)]
    switch (below(12)) {
      case 0:
      case 1:
        Routing.add(table, id, 1, now)
        model.add(id)
        break
      case 2:
        assert.sameMembers(Routing.remove(table, id, now), model.remove(id, now), where)
        break
      case 3:
        assert.sameMembers(Routing.drain(table, id, now), model.drain(id), where)
        break
      case 4:
        assert.strictEqual(said(Routing.bind(table, key, id, now)), model.bind(key, id, now), where)
        break
      case 5:
        assert.strictEqual(Routing.unbind(table, key, undefined, now), model.unbind(key), where)
        break
      case 6:
        leases.splice(below(leases.length), 1)[0]?.forEach((release) => release(now))
        break
      case 7:
      case 8: {
        const answer = Routing.resolve(table, key, rules, now)
        assert.strictEqual(said(answer), model.resolve(key, rules, now), where)
        if (isAssignment(answer)) {
          leases.push([Routing.lease(table, answer), model.lease(key, answer.target)])
        }
        break
      }
      default:
        assert.strictEqual(
          said(Routing.resolve(table, key, rules, now)),
          model.resolve(key, rules, now),
          where
        )
    }
    check(table, model, now, where)
  }

  for (const lease of leases) for (const release of lease) release(now)
  checkRestored(configuration, table, now, `seed ${seed}`)
  return View.stats(table).targets.reduce((sum, target) => sum + target.load, 0)
}

const check = (table: Table.Table, model: Model, now: number, where: string): void => {
  const { bindings } = View.snapshot(table, now)
  const { targets } = View.stats(table)
  assert.isAtMost(table.keys.size, table.settings.maxBindings, `${where}: the bound holds`)
  assert.isTrue(
    bindings.every((binding) => table.targets.has(binding.target)),
    `${where}: no binding to a removed target`
  )
  const held = targets.reduce((sum, target) => sum + target.bindings, 0)
  assert.strictEqual(held, bindings.length, `${where}: each binding is held once`)
  assert.strictEqual(table.live, bindings.length, `${where}: each binding is counted once`)
  const seen = KEYS.map((key) => describeKey(View.describe(table, key, now)))
  const loads = targets.map(({ id, load }) => `${id}:${load}`)
  assert.strictEqual([...seen, ...loads].join(" "), model.describe(KEYS, now), where)
}

/** A table that is restored says of each live binding what the old one said, and knows nothing else. */
const checkRestored = (settings: Table.Settings, table: Table.Table, now: number, where: string): void => {
  const restored = Table.make(settings)
  for (const id of table.targets.keys()) Routing.add(restored, id, 1, now)
  const snapshot = JSON.parse(JSON.stringify(View.snapshot(table, now)))
  assert.deepStrictEqual(
    Saved.restore(restored, snapshot, now),
    Result.succeed({ bound: table.live, lost: 0, expired: 0, known: 0 }),
    where
  )
  for (const key of KEYS) {
    const before = View.describe(table, key, now)
    const after = View.describe(restored, key, now)
    assert.deepStrictEqual(after, before._tag === "Bound" ? before : { _tag: "Unknown", key }, where)
  }
  assert.strictEqual(restored.epoch, table.epoch)
  assert.strictEqual(Life.nextSweep(restored, now) >= Life.nextSweep(table, now), true, where)
}

const describeKey = (answer: Binding.Lookup): string => {
  switch (answer._tag) {
    case "Bound":
      return `bound@${answer.target}#${answer.epoch}<${answer.expiresAt}`
    case "Expired":
      return `expired@${answer.target}#${answer.epoch}`
    case "TargetGone":
      return `lost@${answer.target}#${answer.epoch}`
    case "Unknown":
      return "unknown"
  }
}

it("an expired binding is never served, though nothing ever sweeps", () => {
  for (const sliding of [true, false]) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { below, pick } = generator(seed)
      const table = Table.make(settings({ sliding, busy: undefined, maxBindings: 100 }))
      for (const id of TARGETS) Routing.add(table, id, 1, 0)
      const since = new Map<string, { readonly epoch: number; readonly from: number }>()
      let expired = 0
      for (let now = 0, step = 0; step < STEPS; step++, now += below(5)) {
        const key = pick(KEYS)
        const answer = assigned(resolve(table, key, Mode.rules.rebind, now))
        const before = since.get(key)
        const stale = before !== undefined && now - before.from >= LIFETIME
        if (stale) expired++
        assert.strictEqual(
          answer.epoch === before?.epoch,
          before !== undefined && !stale,
          `seed ${seed}, step ${step}`
        )
        if (sliding || stale || before === undefined) since.set(key, { epoch: answer.epoch, from: now })
      }
      assert.isAbove(expired, 0)
    }
  }
})
