import { assert, describe, it } from "@effect/vitest"
import { Mode, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Routing from "../src/internal/routing.ts"
import * as Table from "../src/internal/table.ts"
import { assigned, resolve, settings } from "./support/table.ts"

const full = (options: SessionAffinity.Options) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ maxBindings: 3, expireAfter: "10 seconds", ...options })
    yield* affinity.add("w")
    for (const key of ["a", "b", "c"]) {
      yield* affinity.resolve(key)
      yield* TestClock.adjust("1 second")
    }
    return affinity
  })

describe("reject", () => {
  it.effect("a new key is refused, known keys are served", () =>
    Effect.gen(function* () {
      const affinity = yield* full({})
      const error = yield* Effect.flip(affinity.resolve("d"))
      assert.deepInclude(error, { _tag: "BindingsFull", key: "d", maxBindings: 3 })
      assert.strictEqual((yield* Effect.flip(affinity.bind("d", "w")))._tag, "BindingsFull")
      yield* affinity.resolve("a")
      assert.strictEqual((yield* affinity.stats).bindings, 3)
    })
  )

  it.effect("an ended binding makes room", () =>
    Effect.gen(function* () {
      const affinity = yield* full({})
      assert.isTrue(yield* affinity.unbind("a"))
      yield* affinity.resolve("d")
    })
  )

  it.effect("an expired one makes room, whether or not it was noticed", () =>
    Effect.gen(function* () {
      const affinity = yield* full({})
      yield* TestClock.adjust("7 seconds")
      yield* affinity.resolve("d")
      assert.strictEqual((yield* affinity.lookup("a"))._tag, "Unknown")
      assert.strictEqual((yield* affinity.lookup("b"))._tag, "Bound")
    })
  )

  it("though nothing swept, and the one in use before it stays", () => {
    const table = Table.make(settings({ lifetime: 10, maxBindings: 2 }))
    Routing.add(table, "w", 1, 0)
    Routing.lease(table, assigned(resolve(table, "leased", Mode.rules.strict, 0)))
    resolve(table, "idle", Mode.rules.strict, 0)
    assert.propertyVal(resolve(table, "early", Mode.rules.strict, 9), "_tag", "BindingsFull")
    assigned(resolve(table, "new", Mode.rules.strict, 10))
    assert.deepStrictEqual(
      ["leased", "idle", "early", "new"].filter((key) => table.keys.get(key) !== undefined),
      ["leased", "new"]
    )
  })

  it.effect("lost ones make room too, the longest lost first", () =>
    Effect.gen(function* () {
      const affinity = yield* full({ expireAfter: Number.POSITIVE_INFINITY })
      yield* affinity.remove("w")
      yield* affinity.add("v")
      yield* affinity.resolve("d")
      assert.strictEqual((yield* affinity.lookup("a"))._tag, "Unknown")
      assert.strictEqual((yield* affinity.lookup("b"))._tag, "TargetGone")
      assert.deepInclude(yield* affinity.stats, { bindings: 1, remembered: 2 })
    })
  )
})

describe("evict", () => {
  it.effect("the least recently used gives way", () =>
    Effect.gen(function* () {
      for (const expiry of ["sliding", "absolute"] as const) {
        const affinity = yield* full({ whenFull: "evict", expiry })
        yield* affinity.resolve("a")
        yield* affinity.resolve("d")
        assert.strictEqual((yield* affinity.lookup("a"))._tag, "Bound")
        assert.strictEqual((yield* affinity.lookup("b"))._tag, "Unknown")
        assert.deepInclude(yield* affinity.stats, { bindings: 3, evicted: 1 })
      }
    })
  )

  it.effect("an expired one goes before a live one that was used longer ago", () =>
    Effect.gen(function* () {
      const affinity = yield* full({ whenFull: "evict", expiry: "absolute" })
      yield* affinity.resolve("a")
      yield* TestClock.adjust("7 seconds")
      yield* affinity.resolve("d")
      assert.strictEqual((yield* affinity.lookup("a"))._tag, "Unknown")
      assert.deepInclude(yield* affinity.stats, { bindings: 3, evicted: 0, expired: 1 })
    })
  )

  it.effect("one in use never gives way", () =>
    Effect.gen(function* () {
      const affinity = yield* full({ whenFull: "evict" })
      yield* affinity.withTarget("a", () =>
        Effect.gen(function* () {
          for (const key of ["d", "e", "f"]) yield* affinity.resolve(key)
          assert.strictEqual((yield* affinity.lookup("a"))._tag, "Bound")
        })
      )
      const error = yield* affinity.withTarget("d", () =>
        affinity.withTarget("e", () => affinity.withTarget("f", () => Effect.flip(affinity.resolve("g"))))
      )
      assert.strictEqual(error._tag, "BindingsFull")
    })
  )
})
