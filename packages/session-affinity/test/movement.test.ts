import { assert, describe, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)

/** 200 keys over three targets. */
const spread = (options: SessionAffinity.Options) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make(options)
    for (const id of ["a", "b", "c"]) yield* affinity.add(id)
    return { affinity, before: yield* whereabouts(affinity) }
  })

const whereabouts = (affinity: SessionAffinity.SessionAffinity) =>
  Effect.map(
    Effect.forEach(keys, (key) => affinity.resolve(key)),
    (all) => new Map(all.map((assignment) => [assignment.key, assignment.target]))
  )
const heldBy = (where: ReadonlyMap<string, string>, id: string) => keys.filter((key) => where.get(key) === id)

describe("remove", () => {
  it.effect("answers exactly the keys it held, once", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({})
      const lost = yield* affinity.remove("a")
      assert.isAbove(lost.length, 0)
      assert.sameMembers([...lost], heldBy(before, "a"))
      assert.deepStrictEqual(yield* affinity.remove("a"), [])
      assert.deepStrictEqual(yield* affinity.remove("never"), [])
      assert.strictEqual((yield* affinity.stats).lost, lost.length)
    })
  )

  it.effect("moves those keys and no others", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({ mode: "rebind" })
      const lost = yield* affinity.remove("a")
      const after = yield* whereabouts(affinity)
      assert.sameMembers(
        keys.filter((key) => after.get(key) !== before.get(key)),
        [...lost]
      )
      assert.isEmpty(heldBy(after, "a"))
      assert.strictEqual((yield* affinity.stats).moved, lost.length)
    })
  )

  it.effect("leaves out what had expired", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({ expireAfter: "10 seconds" })
      yield* TestClock.adjust("5 seconds")
      const [first, ...rest] = heldBy(before, "a")
      assert.isDefined(first)
      for (const key of rest) yield* affinity.resolve(key)
      yield* TestClock.adjust("5 seconds")
      assert.sameMembers([...(yield* affinity.remove("a"))], rest)
      assert.strictEqual((yield* affinity.lookup(first))._tag, "Expired")
    })
  )

  it.effect("what is lost stays lost when a target of the same name comes", () =>
    Effect.gen(function* () {
      const { affinity } = yield* spread({})
      const [key] = yield* affinity.remove("a")
      assert.isDefined(key)
      yield* affinity.add("a")
      assert.strictEqual((yield* affinity.lookup(key))._tag, "TargetGone")
      assert.strictEqual((yield* Effect.flip(affinity.resolve(key)))._tag, "TargetGone")
      assert.isEmpty(yield* affinity.remove("a"))
    })
  )

  it.effect("works the same from a plain callback", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({})
      const lost = affinity.removeUnsafe("b")
      assert.sameMembers([...lost], heldBy(before, "b"))
      const [key] = lost
      assert.isDefined(key)
      assert.deepInclude(affinity.resolveUnsafe(key), { _tag: "Failure" })
      affinity.addUnsafe("d")
      assert.deepInclude(affinity.bindUnsafe(key, "d"), { _tag: "Success" })
      assert.deepInclude(affinity.lookupUnsafe(key), { _tag: "Bound", target: "d" })
      assert.deepStrictEqual(affinity.drainUnsafe("d"), [key])
      assert.isTrue(affinity.unbindUnsafe(key))
    })
  )
})

describe("drain", () => {
  it.effect("answers the keys it holds, which move as they are used", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({ mode: "rebind" })
      const held = yield* affinity.drain("a")
      assert.sameMembers([...held], heldBy(before, "a"))
      const [first, ...rest] = held
      assert.isDefined(first)
      assert.notStrictEqual((yield* affinity.resolve(first)).target, "a")
      assert.sameMembers([...(yield* affinity.remove("a"))], rest)
    })
  )

  it.effect("takes no new keys until it is added again", () =>
    Effect.gen(function* () {
      const { affinity } = yield* spread({})
      yield* affinity.drain("a")
      for (let i = 0; i < 100; i++) {
        assert.notStrictEqual((yield* affinity.resolve(`new${i}`)).target, "a")
      }
      yield* affinity.add("a")
      const later = yield* Effect.forEach(keys, (key) => affinity.resolve(`later-${key}`))
      assert.isTrue(later.some((assignment) => assignment.target === "a"))
    })
  )
})

describe("add", () => {
  it.effect("moves nothing that is bound, and attracts new keys", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* spread({ mode: "rebind" })
      yield* affinity.add("d")
      yield* affinity.add("a", { weight: 9 })
      assert.deepStrictEqual(yield* whereabouts(affinity), before)
      assert.strictEqual((yield* affinity.stats).moved, 0)
      const placed = yield* Effect.forEach(keys, (key) => affinity.resolve(`new-${key}`))
      assert.isTrue(placed.some((assignment) => assignment.target === "d"))
    })
  )
})
