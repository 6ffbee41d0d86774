import { assert, describe, it } from "@effect/vitest"
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"

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
