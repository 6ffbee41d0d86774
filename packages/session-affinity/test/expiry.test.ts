import { assert, describe, it } from "@effect/vitest"
import { Mode, SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Life from "../src/internal/life.ts"
import * as Routing from "../src/internal/routing.ts"
import * as Table from "../src/internal/table.ts"
import { resolve, settings } from "./support/table.ts"

const oneTarget = (options: SessionAffinity.Options) =>
  Effect.tap(SessionAffinity.make(options), (affinity) => affinity.add("w"))

describe("sliding", () => {
  it.effect("D12 each use gives another 30 minutes, by default", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({})
      const { epoch } = yield* affinity.resolve("k")
      for (let i = 0; i < 4; i++) {
        yield* TestClock.adjust("29 minutes")
        assert.strictEqual((yield* affinity.resolve("k")).epoch, epoch)
      }
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, "BindingExpired")
    })
  )

  it.effect("expires exactly at its time", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      yield* affinity.resolve("k")
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Bound")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Expired")
    })
  )

  it.effect("looking is not using, binding is", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      yield* affinity.bind("looked", "w")
      yield* affinity.bind("used", "w")
      yield* TestClock.adjust("6 seconds")
      yield* affinity.lookup("looked")
      yield* affinity.bind("used", "w")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* affinity.lookup("looked"))._tag, "Expired")
      assert.strictEqual((yield* affinity.lookup("used"))._tag, "Bound")
    })
  )

  it.effect("a key in use is not idle, and its time starts when the use ends", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      const done = yield* Deferred.make<void>()
      const call = yield* Effect.forkChild(
        affinity.withTarget("k", () => Deferred.await(done)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Bound")
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(call)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Bound")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Expired")
    })
  )
})

describe("absolute", () => {
  it.effect("D12 where the life is absolute, no use lengthens it, nor does a move", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds", expiry: "absolute", mode: "rebind" })
      yield* affinity.add("v")
      yield* affinity.bind("k", "w")
      yield* TestClock.adjust("6 seconds")
      yield* affinity.resolve("k")
      yield* affinity.bind("k", "v")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Expired")
    })
  )

  it.effect("what was lost and is placed anew lives anew", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds", expiry: "absolute", mode: "rebind" })
      yield* affinity.resolve("k")
      yield* TestClock.adjust("6 seconds")
      yield* affinity.remove("w")
      yield* affinity.add("v")
      yield* affinity.resolve("k")
      const answer = yield* affinity.lookup("k")
      assert.deepInclude(answer, { _tag: "Bound", createdAt: 6_000, expiresAt: 16_000 })
    })
  )
})

describe("memory of the expired", () => {
  it.effect("expired stays the answer for one more lifetime, then the key is unknown", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      yield* affinity.resolve("k")
      yield* TestClock.adjust("10 seconds")
      yield* Effect.flip(affinity.resolve("k"))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Expired")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Unknown")
    })
  )

  it.effect("unbinding acknowledges it, and the key starts anew with another epoch", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      const before = yield* affinity.resolve("k")
      yield* TestClock.adjust("10 seconds")
      assert.isFalse(yield* affinity.unbind("k"))
      assert.notStrictEqual((yield* affinity.resolve("k")).epoch, before.epoch)
    })
  )
})

describe("sweeper", () => {
  it.effect("expires what nobody asks for, more than one batch of it", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: "10 seconds" })
      const expired = yield* Effect.forkChild(
        affinity.events.pipe(
          Stream.filter((event) => event._tag === "Expired"),
          Stream.take(3_000),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      for (let i = 0; i < 3_000; i++) yield* affinity.resolve(`k${i}`)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(expired)).length, 3_000)
    })
  )

  it("looks at what is due and no more, in batches", () => {
    const table = Table.make(settings({ lifetime: 10, maxBindings: 100 }))
    Routing.add(table, "w", 1, 0)
    for (let now = 0; now < 10; now++) resolve(table, `k${now}`, Mode.rules.strict, now)
    assert.strictEqual(Life.nextSweep(table, 9), 10)
    assert.isTrue(Life.sweep(table, 12))
    assert.strictEqual(table.counters.expired, 3)
    assert.isFalse(Life.sweep(table, 19, 5))
    assert.strictEqual(table.counters.expired, 8)
    assert.isTrue(Life.sweep(table, 19, 5))
    assert.strictEqual(table.counters.expired, 10)
  })

  it.effect("without expiry nothing ends", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget({ expireAfter: Number.POSITIVE_INFINITY })
      yield* affinity.resolve("k")
      yield* TestClock.adjust("9999 days")
      assert.deepInclude(yield* affinity.lookup("k"), { _tag: "Bound", expiresAt: Number.POSITIVE_INFINITY })
    })
  )
})
