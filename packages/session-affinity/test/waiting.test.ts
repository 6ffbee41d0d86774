import { assert, describe, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

/** A target that takes one call at a time, and a key bound to it. */
const single = (options: SessionAffinity.Options = {}) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ busy: ({ load }) => load >= 1, ...options })
    yield* affinity.add("w")
    yield* affinity.bind("k", "w")
    return affinity
  })

/** A call that runs until it is told to end. */
const hold = (affinity: SessionAffinity.SessionAffinity, key = "k") =>
  Effect.gen(function* () {
    const end = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      affinity.withTarget(key, (assignment) => Effect.as(Deferred.await(end), assignment)),
      { startImmediately: true }
    )
    return { fiber, end: Effect.andThen(Deferred.succeed(end, undefined), Fiber.await(fiber)) }
  })

const resolving = (affinity: SessionAffinity.SessionAffinity, key = "k") =>
  Effect.forkChild(affinity.resolve(key), { startImmediately: true })

const quiet = { waiting: 0 }
const loadOf = (affinity: SessionAffinity.SessionAffinity) =>
  Effect.map(affinity.stats, ({ targets }) => targets[0]?.load)

describe("calls that wait for a busy target", () => {
  it.effect("are let in one by one, in order of arrival", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      yield* affinity.bind("other", "w")
      const order: Array<number> = []
      const first = yield* hold(affinity)
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) =>
        Effect.forkChild(
          affinity.withTarget(n % 2 === 0 ? "k" : "other", () =>
            Effect.andThen(
              Effect.sync(() => order.push(n)),
              Effect.yieldNow
            )
          ),
          { startImmediately: true }
        )
      )
      assert.deepInclude(yield* affinity.stats, { waiting: 6 })
      yield* first.end
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(order, [0, 1, 2, 3, 4, 5])
      assert.deepInclude(yield* affinity.stats, { ...quiet, hits: 7, resolutions: 7 })
      assert.strictEqual(yield* loadOf(affinity), 0)
    })
  )

  it.effect("are not overtaken by one that comes when the target has become free unnoticed", () =>
    Effect.gen(function* () {
      let busy = true
      const affinity = yield* single({ busy: () => busy })
      const order: Array<string> = []
      const call = (name: string) =>
        Effect.forkChild(
          affinity.withTarget("k", () => Effect.sync(() => order.push(name))),
          { startImmediately: true }
        )
      const early = yield* call("early")
      busy = false
      const late = yield* call("late")
      yield* Fiber.joinAll([early, late])
      assert.deepStrictEqual(order, ["early", "late"])
    })
  )

  it.effect("wait 5 seconds and no more, by default, and leave no trace", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      const call = yield* resolving(affinity)
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Effect.flip(Fiber.join(call))
      assert.deepInclude(error, { _tag: "TargetBusy", target: "w", load: 1, waited: 5_000 })
      assert.include(error.message, "after a wait of 5000 ms")
      assert.deepInclude(yield* affinity.stats, { ...quiet, rejected: { TargetBusy: 1 } })
      yield* holder.end
      assert.strictEqual(yield* loadOf(affinity), 0)
    })
  )

  it.effect("wait without end where waitFor is infinite", () =>
    Effect.gen(function* () {
      const affinity = yield* single({ waitFor: Number.POSITIVE_INFINITY })
      const holder = yield* hold(affinity)
      const call = yield* resolving(affinity)
      yield* TestClock.adjust("30 days")
      assert.isUndefined(call.pollUnsafe())
      yield* holder.end
      yield* Fiber.join(call)
    })
  )

  it.effect("can be interrupted while they wait, and the next in line is served", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      const second = yield* hold(affinity)
      const third = yield* hold(affinity)
      yield* Fiber.interrupt(second.fiber)
      assert.deepInclude(yield* affinity.stats, { waiting: 1 })
      yield* holder.end
      yield* third.end
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(third.fiber)))
      assert.deepInclude(yield* affinity.stats, quiet)
      assert.strictEqual(yield* loadOf(affinity), 0)
    })
  )

  it.effect("give back what they were given if they are interrupted before they see it", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      let ran = false
      const call = yield* Effect.forkChild(
        affinity.withTarget("k", () => Effect.sync(() => (ran = true))),
        { startImmediately: true }
      )
      const next = yield* hold(affinity)
      // In one go: the holder ends, which lets the call in, and the call is interrupted before its fiber wakes.
      holder.fiber.interruptUnsafe()
      assert.deepInclude(affinity.resolveUnsafe("k"), { _tag: "Failure" })
      call.interruptUnsafe()
      assert.isTrue(Exit.isFailure(yield* Fiber.await(call)))
      assert.isFalse(ran)
      yield* next.end
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(next.fiber)))
      assert.strictEqual(yield* loadOf(affinity), 0)
    })
  )

  it.effect("are refused where maxWaiting calls wait already", () =>
    Effect.gen(function* () {
      const affinity = yield* single({ maxWaiting: 2 })
      const holder = yield* hold(affinity)
      const waiting = yield* Effect.all([hold(affinity), resolving(affinity)])
      const error = yield* Effect.flip(affinity.resolve("k"))
      assert.deepInclude(error, { _tag: "WaitersFull", key: "k", maxWaiting: 2 })
      assert.strictEqual((yield* Effect.flip(affinity.withTarget("k", Effect.succeed)))._tag, "WaitersFull")
      yield* holder.end
      yield* waiting[0].end
      yield* Fiber.join(waiting[1])
      assert.deepInclude(yield* affinity.stats, { ...quiet, rejected: { WaitersFull: 2 } })
      yield* affinity.resolve("k")
    })
  )

  it.effect("do not deepen the stack, however many are let in by one that ends", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      let ran = 0
      const calls = yield* Effect.forEach(Array.from({ length: 5_000 }), () =>
        Effect.forkChild(
          affinity.withTarget("k", () => Effect.sync(() => ran++)),
          { startImmediately: true }
        )
      )
      yield* holder.end
      yield* Fiber.joinAll(calls)
      assert.strictEqual(ran, 5_000)
      assert.strictEqual(yield* loadOf(affinity), 0)
    })
  )

  it.effect("are not made to wait where they cannot: resolveUnsafe answers TargetBusy", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      assert.deepInclude(affinity.resolveUnsafe("k"), { _tag: "Failure" })
      assert.deepInclude(yield* affinity.stats, { ...quiet, rejected: { TargetBusy: 1 } })
      yield* holder.end
      assert.deepInclude(affinity.resolveUnsafe("k"), { _tag: "Success" })
    })
  )

  it.effect("die where `busy` throws, and those do not whose end made it be asked", () =>
    Effect.gen(function* () {
      let throws = false
      const affinity = yield* single({
        busy: ({ load }) => {
          if (throws) throw new Error("bug")
          return load >= 1
        }
      })
      const holder = yield* hold(affinity)
      const call = yield* resolving(affinity)
      throws = true
      assert.isTrue(Exit.isSuccess(yield* holder.end))
      const exit = yield* Fiber.await(call)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      throws = false
      assert.deepInclude(yield* affinity.stats, quiet)
      yield* affinity.resolve("k")
    })
  )
})

it.effect("a target that is busy at every other look holds nobody in a loop", () =>
  Effect.gen(function* () {
    let looks = 0
    const affinity = yield* single({ busy: () => looks++ % 2 === 0 })
    const calls = yield* Effect.forEach(Array.from({ length: 10 }), () => resolving(affinity))
    for (let i = 0; i < 7; i++) yield* affinity.recheck("w")
    assert.isBelow(looks, 200)
    yield* TestClock.adjust("5 seconds")
    for (const call of calls) assert.isDefined(call.pollUnsafe())
    assert.deepInclude(yield* affinity.stats, quiet)
  })
)

describe("a wait ends at once, without the clock,", () => {
  it.effect("when the target goes: a typed loss", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      const call = yield* resolving(affinity)
      yield* affinity.remove("w")
      assert.deepInclude(yield* Effect.flip(Fiber.join(call)), { _tag: "TargetGone", target: "w" })
      yield* holder.end
      assert.deepInclude(yield* affinity.stats, quiet)
    })
  )

  it.effect("when the target drains: the key moves, once for all who wait", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      yield* affinity.add("v")
      const calls = yield* Effect.all([resolving(affinity), resolving(affinity), hold(affinity)])
      yield* affinity.drain("w")
      assert.deepInclude(yield* Fiber.join(calls[0]), { target: "v" })
      assert.deepInclude(yield* Fiber.join(calls[1]), { target: "v" })
      yield* calls[2].end
      yield* holder.end
      assert.deepInclude(yield* affinity.stats, { ...quiet, moved: 1 })
    })
  )

  it.effect("when the key is unbound, or bound elsewhere by hand", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      yield* affinity.add("v")
      yield* affinity.bind("other", "w")
      const unbound = yield* resolving(affinity)
      const moved = yield* resolving(affinity, "other")
      yield* affinity.unbind("k")
      assert.deepInclude(yield* Fiber.join(unbound), { target: "v", bound: true })
      yield* affinity.bind("other", "v")
      assert.deepInclude(yield* Fiber.join(moved), { key: "other", target: "v" })
      yield* holder.end
      assert.deepInclude(yield* affinity.stats, quiet)
    })
  )

  it.effect("when a caller in another mode moves the key", () =>
    Effect.gen(function* () {
      const affinity = yield* single()
      const holder = yield* hold(affinity)
      yield* affinity.add("v")
      const call = yield* resolving(affinity)
      const moved = yield* affinity.resolve("k", { mode: "rebind" })
      assert.deepStrictEqual(yield* Fiber.join(call), moved)
      yield* holder.end
    })
  )

  it.effect("when the binding comes to its fixed end", () =>
    Effect.gen(function* () {
      const affinity = yield* single({ expiry: "absolute", expireAfter: "2 seconds" })
      const holder = yield* hold(affinity)
      const call = yield* resolving(affinity)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(call)))._tag, "BindingExpired")
      yield* holder.end
    })
  )
})

it.effect("a binding that is waited for neither idles nor gives way", () =>
  Effect.gen(function* () {
    let busy = false
    const affinity = yield* single({
      busy: () => busy,
      expireAfter: "1 seconds",
      maxBindings: 2,
      whenFull: "evict"
    })
    busy = true
    const call = yield* resolving(affinity)
    yield* TestClock.adjust("4 seconds")
    yield* affinity.bind("x", "w")
    yield* affinity.bind("y", "w")
    assert.strictEqual((yield* affinity.lookup("k"))._tag, "Bound")
    busy = false
    yield* affinity.recheck("w")
    assert.strictEqual((yield* Fiber.join(call)).target, "w")
    assert.deepInclude(yield* affinity.stats, { evicted: 1, expired: 0 })
  })
)
