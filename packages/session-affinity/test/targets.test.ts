import { assert, describe, it } from "@effect/vitest"
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"

const strategies: ReadonlyArray<readonly [name: string, placement: Placement.Strategy]> = [
  ["rendezvous", Placement.rendezvous],
  ["least loaded", Placement.leastLoaded()],
  ["two choices", Placement.twoChoices()],
  ["bounded loads", Placement.boundedLoads()],
  ["round robin", Placement.roundRobin],
  ["custom", Placement.custom((_key, targets) => targets[0]?.id)]
]

const infoOf = (affinity: SessionAffinity.SessionAffinity, id: string) =>
  Effect.map(affinity.stats, ({ targets }) => targets.find((target) => target.id === id))

describe("weight", () => {
  for (const weight of [0, -1, 1e-13, 1e13, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it.effect(`${weight} is refused, and changes nothing`, () =>
      Effect.gen(function* () {
        const affinity = yield* SessionAffinity.make()
        yield* affinity.add("old", { weight: 3 })
        yield* affinity.drain("old")
        for (const id of ["old", "new"]) {
          const error = yield* Effect.flip(affinity.add(id, { weight }))
          assert.strictEqual(error._tag, "InvalidWeight")
          assert.deepInclude(error, { target: id, weight, category: "validation" })
          assert.include(error.message, `"${id}"`)
          assert.include(error.message, String(weight))
          assert.deepStrictEqual(affinity.addUnsafe(id, { weight }), Result.fail(error))
        }
        assert.deepInclude(yield* infoOf(affinity, "old"), { weight: 3, state: "draining" })
        assert.isUndefined(yield* infoOf(affinity, "new"))
      })
    )
  }

  it.effect("of a known target changes when it is added again, and its keys stay", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      yield* affinity.add("a")
      yield* affinity.resolve("k")
      yield* affinity.report("a", 2)
      yield* affinity.add("a", { weight: 4 })
      assert.deepInclude(yield* infoOf(affinity, "a"), { weight: 4, bindings: 1, reported: 2 })
    })
  )
})

describe("reported load", () => {
  it.effect("adds to the leases, and is replaced by the next report", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      yield* affinity.add("a")
      const done = yield* Deferred.make<void>()
      const call = yield* Effect.forkChild(
        affinity.withTarget("k", () => Deferred.await(done)),
        { startImmediately: true }
      )
      assert.isTrue(yield* affinity.report("a", 2.5))
      assert.deepInclude(yield* infoOf(affinity, "a"), { leases: 1, reported: 2.5, load: 3.5 })
      assert.isTrue(yield* affinity.report("a", 1))
      assert.deepInclude(yield* infoOf(affinity, "a"), { leases: 1, reported: 1, load: 2 })
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(call)
      assert.deepInclude(yield* infoOf(affinity, "a"), { leases: 0, reported: 1, load: 1 })
      assert.deepStrictEqual(affinity.reportUnsafe("a", 0), Result.succeed(true))
      assert.deepInclude(yield* infoOf(affinity, "a"), { load: 0 })
    })
  )

  it.effect("counts in placement and in what is busy", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({
        placement: Placement.leastLoaded(),
        busy: (target) => target.load >= 5
      })
      yield* affinity.add("a")
      yield* affinity.add("b")
      yield* affinity.report("a", 1)
      assert.strictEqual((yield* affinity.resolve("k1")).target, "b")
      yield* affinity.report("b", 5)
      assert.strictEqual((yield* affinity.resolve("k2")).target, "a")
      const refused = yield* Effect.flip(affinity.resolve("k1", { mode: "strict" }))
      assert.deepInclude(refused, { _tag: "TargetBusy", load: 5 })
    })
  )

  it.effect("lets those in who wait, when it falls", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ busy: (target) => target.load >= 2 })
      yield* affinity.add("a")
      yield* affinity.report("a", 2)
      const call = yield* Effect.forkChild(affinity.resolve("k"), { startImmediately: true })
      assert.deepInclude(yield* infoOf(affinity, "a"), { waiting: 1 })
      yield* affinity.report("a", 1)
      assert.strictEqual((yield* Fiber.join(call)).target, "a")
    })
  )

  it.effect("of an unknown target is no fault, and forgotten with its target", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      assert.isFalse(yield* affinity.report("a", 7))
      yield* affinity.add("a")
      yield* affinity.report("a", 7)
      yield* affinity.remove("a")
      assert.deepStrictEqual(affinity.reportUnsafe("a", 7), Result.succeed(false))
      yield* affinity.add("a")
      assert.deepInclude(yield* infoOf(affinity, "a"), { reported: 0, load: 0 })
    })
  )

  for (const load of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    it.effect(`${load} is refused, and the last one stays`, () =>
      Effect.gen(function* () {
        const affinity = yield* SessionAffinity.make()
        yield* affinity.add("a")
        yield* affinity.report("a", 3)
        const error = yield* Effect.flip(affinity.report("a", load))
        assert.strictEqual(error._tag, "InvalidLoad")
        assert.deepInclude(error, { target: "a", load, category: "validation" })
        assert.include(error.message, '"a"')
        assert.deepStrictEqual(affinity.reportUnsafe("a", load), Result.fail(error))
        assert.deepInclude(yield* infoOf(affinity, "a"), { reported: 3 })
      })
    )
  }
})

describe("targets that can take nothing", () => {
  for (const [name, placement] of strategies) {
    it.effect(`${name}: none, one, all draining, all removed`, () =>
      Effect.gen(function* () {
        const affinity = yield* SessionAffinity.make({ placement })
        assert.deepInclude(yield* Effect.flip(affinity.resolve("k1")), { _tag: "NoTargets", targets: 0 })
        yield* affinity.add("a")
        assert.strictEqual((yield* affinity.resolve("k1")).target, "a")
        // A second of the same name is the same.
        yield* affinity.add("a", { weight: 2 })
        yield* affinity.add("b")
        assert.lengthOf((yield* affinity.stats).targets, 2)
        yield* affinity.drain("a")
        for (let i = 0; i < 20; i++) {
          assert.strictEqual((yield* affinity.resolve(`drained-${i}`)).target, "b")
        }
        yield* affinity.drain("b")
        assert.deepInclude(yield* Effect.flip(affinity.resolve("k2")), {
          _tag: "NoTargets",
          targets: 2,
          draining: 2
        })
        yield* affinity.remove("a")
        yield* affinity.remove("b")
        assert.deepInclude(yield* Effect.flip(affinity.resolve("k2")), { _tag: "NoTargets", targets: 0 })
        assert.strictEqual((yield* affinity.lookup("k2"))._tag, "Unknown")
      })
    )
  }
})

/** What a table is asked to do while it decides. */
const meddling: ReadonlyArray<
  readonly [what: string, meddle: (affinity: SessionAffinity.SessionAffinity, id: string) => unknown]
> = [
  ["removes the target it names", (affinity, id) => affinity.removeUnsafe(id)],
  ["drains the target it names", (affinity, id) => affinity.drainUnsafe(id)],
  ["adds a target", (affinity) => affinity.addUnsafe("new")],
  ["binds the key", (affinity, id) => affinity.bindUnsafe("k", id)],
  ["unbinds another key", (affinity) => affinity.unbindUnsafe("other")]
]

/** Resolves a key by a function that may ask the table. */
const resolving = (
  choose: (affinity: SessionAffinity.SessionAffinity, ids: ReadonlyArray<string>) => string
) =>
  Effect.gen(function* () {
    let busy = false
    const affinity: SessionAffinity.SessionAffinity = yield* SessionAffinity.make({
      placement: Placement.custom((_key, targets) => {
        const ids = targets.map(({ id }) => id)
        if (!busy) return ids[0]
        busy = false
        return choose(affinity, ids)
      })
    })
    yield* affinity.add("a")
    yield* affinity.add("b")
    yield* affinity.resolve("other")
    busy = true
    const exit = yield* Effect.exit(affinity.resolve("k"))
    return { affinity, exit }
  })

describe("a custom placement", () => {
  for (const [what, meddle] of meddling) {
    it.effect(`that ${what} is a defect, after which the table is whole`, () =>
      Effect.gen(function* () {
        const { affinity, exit } = yield* resolving((affinity, ids) => {
          const id = ids[0] ?? ""
          meddle(affinity, id)
          return id
        })
        assert.isTrue(Exit.hasDies(exit))
        const { bindings, targets } = yield* affinity.stats
        const held = targets.reduce((sum, target) => sum + target.bindings, 0)
        assert.strictEqual(held, bindings)
        assert.include(["a", "b", "new"], (yield* affinity.resolve("k", { mode: "rebind" })).target)
      })
    )
  }

  for (const [what, choose] of [
    ["names no target", () => "elsewhere"],
    [
      "throws",
      () => {
        throw new Error("no idea")
      }
    ]
  ] as const) {
    it.effect(`that ${what} is a defect, and binds nothing`, () =>
      Effect.gen(function* () {
        const { affinity, exit } = yield* resolving(choose)
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual((yield* affinity.lookup("k"))._tag, "Unknown")
        assert.strictEqual((yield* affinity.resolve("k")).target, "a")
        assert.strictEqual((yield* affinity.stats).bindings, 2)
      })
    )
  }
})

it.effect("a busy target gets no new keys, by any strategy", () =>
  Effect.forEach(strategies, ([name, placement]) =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({
        placement,
        mode: "strict",
        busy: ({ load }) => load >= 1
      })
      for (const id of ["a", "b", "c"]) yield* affinity.add(id)
      yield* affinity.report("b", 1)
      for (let i = 0; i < 30; i++) {
        assert.notStrictEqual((yield* affinity.resolve(`k${i}`)).target, "b", name)
      }
      for (const id of ["a", "c"]) yield* affinity.report(id, 1)
      assert.strictEqual((yield* Effect.flip(affinity.resolve("new")))._tag, "NoTargets", name)
    })
  )
)
