import { assert, describe, it } from "@effect/vitest"
import type { AffinityEvent } from "@fireweed/session-affinity"
import { Mode, Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Routing from "../src/internal/routing.ts"
import * as Table from "../src/internal/table.ts"

/** All events of a program. */
const record = <E>(affinity: SessionAffinity.SessionAffinity, program: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const events: Array<AffinityEvent.AffinityEvent> = []
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(affinity.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    yield* program
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    return events
  })

describe("events", () => {
  it.effect("each change is one event, with its reason", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({
        mode: "rebind",
        expireAfter: "10 seconds",
        maxBindings: 2,
        whenFull: "evict"
      })
      yield* affinity.add("a")
      const events = yield* record(
        affinity,
        Effect.gen(function* () {
          yield* affinity.resolve("k")
          yield* affinity.resolve("k")
          yield* affinity.add("b")
          yield* affinity.drain("a")
          yield* affinity.resolve("k")
          yield* affinity.add("a")
          yield* affinity.bind("k", "a")
          yield* affinity.drain("b")
          yield* affinity.remove("a")
          yield* affinity.add("b")
          yield* affinity.resolve("k")
          yield* affinity.unbind("k")
          yield* TestClock.adjust("1 second")
          yield* affinity.bind("x", "b")
          yield* affinity.resolve("y")
          yield* affinity.resolve("z")
          yield* TestClock.adjust("10 seconds")
        })
      )
      const at = 0
      assert.deepStrictEqual(events, [
        { _tag: "Bound", at, key: "k", target: "a", epoch: 1, reason: "placed" },
        { _tag: "Moved", at, key: "k", from: "a", target: "b", epoch: 2, reason: "draining" },
        { _tag: "Moved", at, key: "k", from: "b", target: "a", epoch: 3, reason: "bind" },
        { _tag: "Lost", at, key: "k", target: "a", epoch: 3 },
        { _tag: "Moved", at, key: "k", from: "a", target: "b", epoch: 4, reason: "gone" },
        { _tag: "Unbound", at, key: "k", target: "b", epoch: 4 },
        { _tag: "Bound", at: 1_000, key: "x", target: "b", epoch: 5, reason: "bind" },
        { _tag: "Bound", at: 1_000, key: "y", target: "b", epoch: 6, reason: "placed" },
        { _tag: "Evicted", at: 1_000, key: "x", target: "b", epoch: 5 },
        { _tag: "Bound", at: 1_000, key: "z", target: "b", epoch: 7, reason: "placed" },
        { _tag: "Expired", at: 11_000, key: "y", target: "b", epoch: 6 },
        { _tag: "Expired", at: 11_000, key: "z", target: "b", epoch: 7 }
      ])
    })
  )

  it.effect("a target that held thousands loses none of them on the way", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      yield* affinity.add("w")
      for (let i = 0; i < 10_000; i++) affinity.resolveUnsafe(`k${i}`)
      const listening = yield* Effect.forkChild(Stream.runCollect(Stream.take(affinity.events, 10_000)), {
        startImmediately: true
      })
      yield* affinity.remove("w")
      const events = yield* Fiber.join(listening)
      assert.strictEqual(new Set(events.map((event) => event.key)).size, 10_000)
      assert.isTrue(events.every((event) => event._tag === "Lost"))
    })
  )

  it.effect("every subscriber sees them all, though another leaves", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      yield* affinity.add("w")
      let brief: ReadonlyArray<string> = []
      const whole = yield* record(
        affinity,
        Effect.gen(function* () {
          brief = (yield* record(affinity, affinity.resolve("first"))).map((event) => event.key)
          yield* affinity.resolve("second")
        })
      )
      assert.deepStrictEqual(brief, ["first"])
      assert.deepStrictEqual(
        whole.map((event) => event.key),
        ["first", "second"]
      )
    })
  )

  it("are built only while somebody listens", () => {
    const table = Table.make({
      placement: Placement.rendezvous,
      lifetime: 1_000,
      sliding: true,
      maxBindings: 10,
      evict: false,
      busy: undefined
    })
    assert.isUndefined(table.emit)
    Routing.add(table, "w", 1)
    const seen: Array<string> = []
    Routing.resolve(table, "before", Mode.rules.strict, 0)
    table.emit = (event) => seen.push(event.key)
    Routing.resolve(table, "after", Mode.rules.strict, 0)
    assert.deepStrictEqual(seen, ["after"])
  })
})

describe("snapshot and stats", () => {
  it.effect("show the live table", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ expireAfter: "10 seconds" })
      yield* affinity.add("a", { weight: 2 })
      yield* affinity.add("b")
      yield* affinity.bind("old", "a")
      yield* TestClock.adjust("5 seconds")
      yield* affinity.bind("new", "b")
      yield* affinity.drain("a")
      yield* TestClock.adjust("5 seconds")
      const targets = [
        { id: "a", weight: 2, load: 0, bindings: 0, state: "draining" as const },
        { id: "b", weight: 1, load: 0, bindings: 1, state: "active" as const }
      ]
      assert.deepStrictEqual(yield* affinity.snapshot, {
        bindings: [{ key: "new", target: "b", epoch: 2, createdAt: 5_000, expiresAt: 15_000 }],
        targets
      })
      assert.deepStrictEqual(yield* affinity.stats, {
        bindings: 1,
        remembered: 1,
        maxBindings: 10_000,
        targets,
        hits: 0,
        created: 2,
        moved: 0,
        expired: 1,
        evicted: 0,
        lost: 0,
        unbound: 0
      })
    })
  )
})
