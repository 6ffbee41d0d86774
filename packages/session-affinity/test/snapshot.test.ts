import { assert, describe, it } from "@effect/vitest"
import type { Binding } from "@fireweed/session-affinity"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

const made = (options: SessionAffinity.Options = {}, targets: ReadonlyArray<string> = ["a", "b"]) =>
  Effect.tap(SessionAffinity.make({ expireAfter: "10 seconds", ...options }), (affinity) =>
    Effect.forEach(targets, (id) => affinity.add(id))
  )

/** As JSON, and back, as another process would. */
const saved = (affinity: SessionAffinity.SessionAffinity): Effect.Effect<Binding.Snapshot> =>
  Effect.map(affinity.snapshot, (snapshot) => JSON.parse(JSON.stringify(snapshot)))

describe("what is restored", () => {
  it.effect(
    "is bound where it was, in the same incarnation, for as long as it had left, with its metadata",
    () =>
      Effect.gen(function* () {
        const before = yield* made()
        yield* before.bind("old", "a")
        yield* before.annotate("old", { file: "x" })
        yield* TestClock.adjust("4 seconds")
        yield* before.bind("young", "b")
        const snapshot = yield* saved(before)
        const after = yield* made()
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* after.restore(snapshot), { bound: 2, lost: 0, expired: 0, known: 0 })
        for (const key of ["old", "young"]) {
          assert.deepStrictEqual(yield* after.lookup(key), yield* before.lookup(key))
        }
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* after.lookup("old"))._tag, "Expired")
        assert.deepInclude(yield* after.resolve("young"), { target: "b", epoch: 2 })
      })
  )

  it.effect("has epochs that later ones go on from, also those of bindings that had ended before", () =>
    Effect.gen(function* () {
      const before = yield* made()
      yield* before.bind("k", "a")
      for (let i = 0; i < 5; i++) yield* before.bind("ended", i % 2 === 0 ? "a" : "b")
      yield* before.unbind("ended")
      const after = yield* made()
      yield* after.restore(yield* saved(before))
      assert.deepInclude(yield* after.bind("k", "b"), { epoch: 7 })
      assert.deepInclude(yield* after.bind("ended", "b"), { epoch: 8 })
    })
  )

  it.effect("of a target that is not there is lost; of a time that has passed, expired", () =>
    Effect.gen(function* () {
      const before = yield* made({}, ["a", "b", "c"])
      yield* before.bind("late", "a")
      yield* TestClock.adjust("5 seconds")
      yield* before.bind("homeless", "c")
      yield* before.bind("homeless too", "c")
      yield* before.bind("well", "a")
      const snapshot = yield* saved(before)
      const after = yield* made()
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* after.restore(snapshot), { bound: 1, lost: 2, expired: 1, known: 0 })
      assert.deepInclude(yield* after.lookup("homeless"), { _tag: "TargetGone", target: "c", epoch: 2 })
      assert.deepInclude(yield* after.lookup("late"), { _tag: "Expired", target: "a" })
      yield* after.add("c")
      assert.strictEqual((yield* Effect.flip(after.resolve("homeless")))._tag, "TargetGone")
      assert.deepInclude(yield* after.stats, { bindings: 1, remembered: 3, lost: 2, expired: 1, created: 1 })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* after.lookup("homeless too"))._tag, "Unknown")
    })
  )

  it.effect("never replaces what the table knows", () =>
    Effect.gen(function* () {
      const before = yield* made()
      yield* before.bind("k", "a")
      yield* before.bind("new", "a")
      const after = yield* made()
      const live = yield* after.bind("k", "b")
      assert.deepInclude(yield* after.restore(yield* saved(before)), { bound: 1, known: 1 })
      assert.deepStrictEqual(yield* after.resolve("k"), live)
    })
  )

  it.effect("expires and gives way in order of age among what the table has", () =>
    Effect.gen(function* () {
      for (const expiry of ["sliding", "absolute"] as const) {
        const options = { expiry, maxBindings: 4, whenFull: "evict" } as const
        const before = yield* made(options)
        const after = yield* made(options)
        yield* before.bind("first", "a")
        yield* TestClock.adjust("1 seconds")
        yield* after.bind("second", "a")
        yield* TestClock.adjust("1 seconds")
        yield* before.bind("third", "a")
        yield* TestClock.adjust("1 seconds")
        yield* after.bind("fourth", "a")
        yield* after.restore(yield* saved(before))
        const present = (key: string) =>
          Effect.map(after.lookup(key), (answer) => (answer._tag === "Bound" ? key : ""))
        for (const key of ["first", "second", "third", "fourth"]) {
          assert.strictEqual(yield* present(key), key)
          yield* after.bind(`more ${key}`, "b")
          assert.strictEqual(yield* present(key), "", `${expiry}: ${key} gave way`)
        }
      }
    })
  )

  it.effect("lives by the rules of its new table, and no clock that was set back makes it live longer", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hours")
      const before = yield* made({ expireAfter: Number.POSITIVE_INFINITY })
      yield* before.bind("k", "a")
      const snapshot = yield* saved(before)
      yield* TestClock.setTime(0)
      const after = yield* made({ expireAfter: "10 seconds" })
      yield* after.restore(snapshot)
      assert.deepInclude(yield* after.lookup("k"), { createdAt: 0, expiresAt: 10_000 })
      const fixed = yield* made({ expiry: "absolute" })
      yield* TestClock.adjust("4 seconds")
      yield* fixed.restore({
        version: 1,
        epoch: 1,
        bindings: [{ key: "k", target: "a", epoch: 1, createdAt: 1_000, renewedAt: 3_000, metadata: {} }]
      })
      assert.deepInclude(yield* fixed.lookup("k"), { createdAt: 1_000, expiresAt: 11_000 })
    })
  )
})

it.effect("thousands of targets that are not there cost no more than as many that are", () =>
  Effect.gen(function* () {
    const affinity = yield* made({ maxBindings: 50_000 })
    const bindings = Array.from({ length: 50_000 }, (_, i) => ({
      key: `k${i}`,
      target: `gone-${i}`,
      epoch: i + 1,
      createdAt: 0,
      renewedAt: 0,
      metadata: {}
    }))
    const restored = yield* affinity.restore({ version: 1, epoch: 50_000, bindings })
    assert.deepStrictEqual(restored, { bound: 0, lost: 50_000, expired: 0, known: 0 })
    assert.deepInclude(yield* affinity.lookup("k49999"), { _tag: "TargetGone", target: "gone-49999" })
  })
)

describe("what is no snapshot is refused, and nothing of it is taken", () => {
  const binding = { key: "k", target: "a", epoch: 1, createdAt: 0, renewedAt: 0, metadata: {} }
  const snapshot = { version: 1, epoch: 9, bindings: [binding] }
  const other = { ...binding, key: "good" }
  const refused: ReadonlyArray<readonly [about: RegExp, value: unknown]> = [
    [/./, undefined],
    [/./, "snapshot"],
    [/./, []],
    [/version/, { ...snapshot, version: 2 }],
    [/epoch/, { ...snapshot, epoch: -1 }],
    [/epoch/, { ...snapshot, epoch: 2 ** 60 }],
    [/epoch/, { ...snapshot, epoch: "9" }],
    [/targets/, { ...snapshot, targets: [] }],
    [/bindings/, { ...snapshot, bindings: { length: 1e9 } }],
    [/key/, { ...snapshot, bindings: [other, { ...binding, key: 7 }] }],
    [/epoch/, { ...snapshot, bindings: [other, { ...binding, epoch: 0 }] }],
    [/"k" has epoch 10/, { ...snapshot, bindings: [other, { ...binding, epoch: 10 }] }],
    [/createdAt/, { ...snapshot, bindings: [other, { ...binding, createdAt: Number.NaN }] }],
    [/renewedAt/, { ...snapshot, bindings: [other, { ...binding, renewedAt: null }] }],
    [/metadata/, { ...snapshot, bindings: [other, { ...binding, metadata: { a: 1 } }] }],
    [/maxMetadata/, { ...snapshot, bindings: [other, { ...binding, metadata: { a: "12345" } }] }],
    [/admin/, { ...snapshot, bindings: [other, { ...binding, admin: true }] }],
    [/"k" is there twice/, { ...snapshot, bindings: [binding, binding] }],
    [/maxBindings/, { ...snapshot, bindings: [1, 2, 3].map((n) => ({ ...binding, key: `k${n}` })) }]
  ]
  for (const [about, value] of refused) {
    it.effect(JSON.stringify(value) ?? "undefined", () =>
      Effect.gen(function* () {
        const affinity = yield* made({ maxBindings: 2, maxMetadata: 5 })
        const error = yield* Effect.flip(affinity.restore(value))
        assert.strictEqual(error._tag, "SnapshotRefused")
        assert.strictEqual(error.category, "session")
        assert.match(error.message, about)
        assert.deepInclude(yield* affinity.stats, { bindings: 0, remembered: 0 })
        assert.deepInclude(yield* affinity.bind("first", "a"), { epoch: 1 })
      })
    )
  }
})

describe("metadata", () => {
  it.effect("are attached to a live binding, replaced, and end with it", () =>
    Effect.gen(function* () {
      const affinity = yield* made()
      assert.isFalse(yield* affinity.annotate("k", { a: "1" }))
      yield* affinity.bind("k", "a")
      assert.isTrue(yield* affinity.annotate("k", { a: "1" }))
      assert.isTrue(yield* affinity.annotate("k", { b: "2" }))
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: { b: "2" } })
      yield* affinity.bind("k", "b")
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: { b: "2" } })
      yield* affinity.unbind("k")
      yield* affinity.bind("k", "a")
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: {} })
    })
  )

  it.effect("are the table's own copy", () =>
    Effect.gen(function* () {
      const affinity = yield* made()
      yield* affinity.bind("k", "a")
      const mine: Record<string, string> = { a: "1" }
      yield* affinity.annotate("k", mine)
      mine["a"] = "2"
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: { a: "1" } })
    })
  )

  it.effect("are strings: anything else is a defect that names it", () =>
    Effect.gen(function* () {
      const affinity = yield* made()
      yield* affinity.bind("k", "a")
      const hostile: Binding.Metadata = JSON.parse('{ "size": { "length": -1e9 } }')
      assert.throws(() => affinity.annotateUnsafe("k", hostile), /annotate: expected metadata "size"/)
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: {} })
    })
  )

  it.effect("are bounded", () =>
    Effect.gen(function* () {
      const affinity = yield* made({ maxMetadata: 6 })
      yield* affinity.bind("k", "a")
      yield* affinity.annotate("k", { ab: "1234" })
      const error = yield* Effect.flip(affinity.annotate("k", { ab: "1234", c: "" }))
      assert.deepInclude(error, { _tag: "MetadataTooLarge", key: "k", size: 7, maxMetadata: 6 })
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: { ab: "1234" } })
      assert.deepInclude(affinity.annotateUnsafe("k", {}), { _tag: "Success" })
      assert.deepInclude(yield* affinity.lookup("k"), { metadata: {} })
    })
  )
})
