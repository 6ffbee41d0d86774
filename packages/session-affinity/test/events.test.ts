import { assert, describe, it } from "@effect/vitest"
import type { AffinityEvent } from "@fireweed/session-affinity"
import { Mode, SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Routing from "../src/internal/routing.ts"
import * as Table from "../src/internal/table.ts"
import { resolve, settings } from "./support/table.ts"

const keyOf = (event: AffinityEvent.AffinityEvent): string => ("key" in event ? event.key : event._tag)

const warning = (bindings: number) => ({ _tag: "NearlyFull", at: 0, bindings, maxBindings: 10 }) as const

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
        { _tag: "NearlyFull", at: 1_000, bindings: 2, maxBindings: 2 },
        { _tag: "Evicted", at: 1_000, key: "x", target: "b", epoch: 5 },
        { _tag: "Bound", at: 1_000, key: "z", target: "b", epoch: 7, reason: "placed" },
        { _tag: "NearlyFull", at: 1_000, bindings: 2, maxBindings: 2 },
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
      assert.strictEqual(new Set(events.map(keyOf)).size, 10_000)
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
          brief = (yield* record(affinity, affinity.resolve("first"))).map(keyOf)
          yield* affinity.resolve("second")
        })
      )
      assert.deepStrictEqual(brief, ["first"])
      assert.deepStrictEqual(whole.map(keyOf), ["first", "second"])
    })
  )

  it.effect("a subscriber that is too slow loses the oldest, and is told how many", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ maxBindings: 10, whenFull: "evict" })
      yield* affinity.add("w")
      const gate = yield* Deferred.make<void>()
      const seen: Array<AffinityEvent.AffinityEvent> = []
      yield* Effect.forkScoped(
        Stream.runForEach(affinity.events, (event) =>
          Effect.andThen(
            Effect.sync(() => seen.push(event)),
            Deferred.await(gate)
          )
        ),
        { startImmediately: true }
      )
      affinity.resolveUnsafe("first")
      yield* TestClock.adjust("1 second")
      affinity.bindUnsafe("k", "w")
      for (let i = 0; i < 600; i++) {
        affinity.unbindUnsafe("k")
        affinity.bindUnsafe("k", "w")
      }
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 second")
      // Told are 1 + 1,034 (all that is kept), of the 1 + 1 + 2 x 600 that there were, and in between the rest, as a number.
      assert.deepStrictEqual(seen[1], { _tag: "Missed", at: 1_000, events: 1_201 - 1_034 })
      assert.strictEqual(seen.length, 1 + 1 + 1_034)
      assert.isTrue(seen.slice(2).every((event) => event._tag === "Bound" || event._tag === "Unbound"))
      affinity.unbindUnsafe("k")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(seen.at(-1)?._tag, "Unbound")
      assert.strictEqual(seen.filter((event) => event._tag === "Missed").length, 1)
    })
  )

  it.effect("one warns when four fifths of the room are taken, and again only after it was well below", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ maxBindings: 10 })
      yield* affinity.add("w")
      const bind = (count: number) =>
        Effect.forEach(
          Array.from({ length: count }, (_, i) => `k${i}`),
          (key) => affinity.bind(key, "w")
        )
      const warnings = (program: Effect.Effect<unknown, unknown>) =>
        Effect.map(record(affinity, program), (events) =>
          events.filter((event) => event._tag === "NearlyFull")
        )
      assert.deepStrictEqual(yield* warnings(bind(7)), [])
      // While nobody listens, nobody is warned: whoever listens next is.
      yield* bind(8)
      assert.deepStrictEqual(yield* warnings(bind(10)), [warning(9)])
      const unbind = (from: number) =>
        Effect.forEach([9, 8, 7, 6].slice(from), (i) => affinity.unbind(`k${i}`))
      yield* unbind(1)
      assert.deepStrictEqual(yield* warnings(bind(10)), [])
      yield* unbind(0)
      assert.deepStrictEqual(yield* warnings(bind(10)), [warning(8)])
    })
  )

  it("are built only while somebody listens", () => {
    const table = Table.make(settings({ lifetime: 1_000, maxBindings: 10 }))
    assert.isUndefined(table.emit)
    Routing.add(table, "w", 1, 0)
    const seen: Array<string> = []
    resolve(table, "before", Mode.rules.strict, 0)
    table.emit = (event) => seen.push(keyOf(event))
    resolve(table, "after", Mode.rules.strict, 0)
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
      assert.deepStrictEqual(yield* affinity.snapshot, {
        version: 1,
        epoch: 2,
        bindings: [{ key: "new", target: "b", epoch: 2, createdAt: 5_000, renewedAt: 5_000, metadata: {} }]
      })
      yield* affinity.resolve("new")
      yield* Effect.flip(affinity.resolve("old"))
      assert.deepStrictEqual(yield* affinity.stats, {
        bindings: 1,
        remembered: 1,
        maxBindings: 10_000,
        moving: 0,
        waiting: 0,
        targets: [
          {
            id: "a",
            weight: 2,
            load: 0,
            leases: 0,
            reported: 0,
            bindings: 0,
            state: "draining",
            waiting: 0,
            served: 0
          },
          {
            id: "b",
            weight: 1,
            load: 0,
            leases: 0,
            reported: 0,
            bindings: 1,
            state: "active",
            waiting: 0,
            served: 1
          }
        ],
        resolutions: 2,
        hits: 1,
        hitRate: 0.5,
        created: 2,
        moved: 0,
        movedBy: { busy: 0, draining: 0, gone: 0, bind: 0 },
        movesFailed: 0,
        expired: 1,
        evicted: 0,
        lost: 0,
        unbound: 0,
        rejected: { BindingExpired: 1 }
      })
    })
  )
})
