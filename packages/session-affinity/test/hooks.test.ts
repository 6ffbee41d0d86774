import { assert, describe, it } from "@effect/vitest"
import type { AffinityEvent, Movement } from "@fireweed/session-affinity"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

/** A table whose hooks last until they are told to end, and a key bound to "home". */
const setUp = (options: SessionAffinity.Options = {}) =>
  Effect.gen(function* () {
    const ran: Array<string> = []
    const gates = {
      save: yield* Deferred.make<void, string>(),
      restore: yield* Deferred.make<void, string>()
    }
    const hook =
      (stage: "save" | "restore") =>
      ({ from, key, reason, target }: Movement.Movement) => {
        ran.push(`${stage} ${key} ${from}>${target} ${reason}`)
        return Effect.onInterrupt(Deferred.await(gates[stage]), () =>
          Effect.sync(() => ran.push(`${stage} interrupted`))
        )
      }
    const affinity = yield* SessionAffinity.make({
      saveState: hook("save"),
      restoreState: hook("restore"),
      ...options
    })
    yield* affinity.add("home")
    const before = yield* affinity.bind("k", "home")
    yield* affinity.add("other")
    return {
      affinity,
      before,
      ran,
      pass: (stage: "save" | "restore") => Deferred.succeed(gates[stage], undefined),
      fail: (stage: "save" | "restore", why: string) => Deferred.fail(gates[stage], why)
    }
  })

const calling = (affinity: SessionAffinity.SessionAffinity, options?: SessionAffinity.ResolveOptions) =>
  Effect.forkChild(
    affinity.withTarget("k", (assignment) => Effect.succeed(assignment), options),
    { startImmediately: true }
  )

const recorded = (affinity: SessionAffinity.SessionAffinity) =>
  Effect.gen(function* () {
    const events: Array<AffinityEvent.AffinityEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(affinity.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    return events
  })

/** Long enough for fibers to do what they can. */
const soon = TestClock.adjust("1 millis")

describe("restoreState", () => {
  it.effect("runs before a lost key is served at its new place, once, with the callers behind it", () =>
    Effect.gen(function* () {
      const { affinity, before, pass, ran } = yield* setUp()
      const events = yield* recorded(affinity)
      yield* affinity.remove("home")
      const calls = yield* Effect.all([calling(affinity), calling(affinity), calling(affinity)])
      yield* soon
      assert.deepStrictEqual(ran, ["restore k home>other gone"])
      assert.deepInclude(yield* affinity.stats, { moving: 1, waiting: 3, moved: 0 })
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "TargetGone")
      yield* pass("restore")
      for (const call of calls) {
        const { epoch, target } = yield* Fiber.join(call)
        assert.strictEqual(target, "other")
        assert.isAbove(epoch, before.epoch)
      }
      assert.deepInclude(yield* affinity.stats, { moving: 0, waiting: 0, moved: 1, hits: 3 })
      yield* soon
      assert.deepStrictEqual(
        events.map((event) => event._tag),
        ["Lost", "Moved"]
      )
      assert.strictEqual(ran.length, 1)
    })
  )

  it.effect("goes on, though the call that began it is interrupted", () =>
    Effect.gen(function* () {
      const { affinity, pass, ran } = yield* setUp()
      yield* affinity.remove("home")
      const call = yield* calling(affinity)
      yield* soon
      yield* Fiber.interrupt(call)
      assert.deepInclude(yield* affinity.stats, { moving: 1, waiting: 0 })
      yield* pass("restore")
      yield* soon
      assert.deepInclude(yield* affinity.lookup("k"), { _tag: "Bound", target: "other" })
      assert.strictEqual(ran.length, 1)
    })
  )

  it.effect("that fails is a typed error for all who wait, leaves the key where it was, and runs again", () =>
    Effect.gen(function* () {
      let healthy = false
      const { affinity, before } = yield* setUp({
        restoreState: () => (healthy ? Effect.void : Effect.fail("no such file"))
      })
      const events = yield* recorded(affinity)
      yield* affinity.remove("home")
      const calls = yield* Effect.all([calling(affinity), calling(affinity)])
      for (const call of calls) {
        const error = yield* Effect.flip(Fiber.join(call))
        assert.deepInclude(error, {
          _tag: "MoveFailed",
          key: "k",
          target: "home",
          to: "other",
          stage: "restore"
        })
        assert.include(error.message, "no such file")
        assert.isTrue(error._tag === "MoveFailed" && Cause.hasFails(error.cause))
      }
      assert.deepInclude(yield* affinity.lookup("k"), {
        _tag: "TargetGone",
        target: "home",
        epoch: before.epoch
      })
      assert.deepInclude(yield* affinity.stats, { moving: 0, moved: 0, movesFailed: 1, waiting: 0 })
      healthy = true
      assert.strictEqual((yield* affinity.resolve("k")).target, "other")
      yield* soon
      assert.deepStrictEqual(
        events.map((event) => event._tag),
        ["Lost", "MoveFailed", "Moved"]
      )
    })
  )

  it.effect("that dies, or throws, is no different", () =>
    Effect.gen(function* () {
      for (const restoreState of [
        () => Effect.die(new Error("bug")),
        (): Effect.Effect<void> => {
          throw new Error("bug")
        }
      ]) {
        const { affinity } = yield* setUp({ restoreState })
        yield* affinity.remove("home")
        const error = yield* Effect.flip(affinity.resolve("k"))
        assert.strictEqual(error._tag, "MoveFailed")
        assert.include(error.message, "bug")
      }
    })
  )

  it.effect("holds callers no longer than waitFor", () =>
    Effect.gen(function* () {
      const { affinity } = yield* setUp({ mode: "rebind", waitFor: "2 seconds" })
      yield* affinity.remove("home")
      const call = yield* calling(affinity)
      yield* TestClock.adjust("2 seconds")
      const error = yield* Effect.flip(Fiber.join(call))
      assert.deepInclude(error, { _tag: "KeyMoving", target: "home", to: "other", waited: 2_000 })
      assert.deepInclude(affinity.resolveUnsafe("k"), { _tag: "Failure" })
      assert.deepInclude(yield* affinity.stats, { moving: 1, waiting: 0, rejected: { KeyMoving: 2 } })
    })
  )

  it.effect("begins again for another target if the one chosen goes, or drains, meanwhile", () =>
    Effect.gen(function* () {
      for (const leave of ["remove", "drain"] as const) {
        const { affinity, pass, ran } = yield* setUp()
        yield* affinity.remove("home")
        const call = yield* calling(affinity)
        yield* soon
        yield* affinity.add("third")
        yield* affinity[leave]("other")
        yield* soon
        assert.deepStrictEqual(ran, [
          "restore k home>other gone",
          "restore interrupted",
          "restore k home>third gone"
        ])
        yield* pass("restore")
        assert.strictEqual((yield* Fiber.join(call)).target, "third")
        assert.deepInclude(yield* affinity.stats, { moved: 1, moving: 0 })
        const other = (yield* affinity.stats).targets.find(({ id }) => id === "other")
        assert.strictEqual(other?.bindings ?? 0, 0)
      }
    })
  )

  it.effect("and the caller are told at once if there is no other target left", () =>
    Effect.gen(function* () {
      const { affinity, ran } = yield* setUp()
      yield* affinity.remove("home")
      const call = yield* calling(affinity)
      yield* soon
      yield* affinity.remove("other")
      assert.strictEqual((yield* Effect.flip(Fiber.join(call)))._tag, "NoTargets")
      yield* soon
      assert.deepStrictEqual(ran, ["restore k home>other gone", "restore interrupted"])
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "TargetGone")
    })
  )

  it.effect("does not run in mode strict, nor for a movement by hand", () =>
    Effect.gen(function* () {
      const { affinity, ran } = yield* setUp({ mode: "strict" })
      yield* affinity.bind("k", "other")
      yield* affinity.remove("other")
      assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, "TargetGone")
      yield* affinity.bind("k", "home")
      assert.deepStrictEqual(ran, [])
    })
  )
})

describe("who waits for a busy target", () => {
  it.effect("waits behind the movement instead, when another caller moves the key away", () =>
    Effect.gen(function* () {
      let busy = false
      const { affinity, pass } = yield* setUp({ busy: ({ id }) => busy && id === "home" })
      busy = true
      const waiting = yield* calling(affinity)
      const moving = yield* calling(affinity, { mode: "rebind" })
      yield* pass("save")
      yield* pass("restore")
      const { target } = yield* Fiber.join(moving)
      assert.strictEqual(target, "other")
      assert.strictEqual((yield* Fiber.join(waiting)).target, "other")
      assert.deepInclude(yield* affinity.stats, { moved: 1, waiting: 0 })
    })
  )
})

it.effect("a key whose restoring failed is remembered as lost for a lifetime from then", () =>
  Effect.gen(function* () {
    const { affinity, fail } = yield* setUp({ expireAfter: "10 seconds" })
    yield* affinity.remove("home")
    const call = yield* calling(affinity)
    yield* TestClock.adjust("4 seconds")
    yield* fail("restore", "no")
    yield* Fiber.await(call)
    yield* TestClock.adjust("9 seconds")
    assert.strictEqual((yield* affinity.lookup("k"))._tag, "TargetGone")
    yield* TestClock.adjust("1 seconds")
    assert.strictEqual((yield* affinity.lookup("k"))._tag, "Unknown")
  })
)

describe("saveState", () => {
  it.effect("runs before restoreState when a target drains, while the key is still there", () =>
    Effect.gen(function* () {
      const { affinity, before, pass, ran } = yield* setUp()
      assert.deepStrictEqual(yield* affinity.drain("home"), ["k"])
      const call = yield* calling(affinity)
      yield* soon
      assert.deepStrictEqual(ran, ["save k home>other draining"])
      assert.deepInclude(yield* affinity.lookup("k"), { _tag: "Bound", target: "home", epoch: before.epoch })
      yield* pass("save")
      yield* soon
      assert.deepStrictEqual(ran, ["save k home>other draining", "restore k home>other draining"])
      yield* pass("restore")
      assert.strictEqual((yield* Fiber.join(call)).target, "other")
      assert.deepInclude(yield* affinity.stats, { moved: 1, lost: 0 })
    })
  )

  it.effect("runs where a busy target is left, too", () =>
    Effect.gen(function* () {
      const { affinity, pass, ran } = yield* setUp({ mode: "rebind", busy: ({ id }) => id === "home" })
      const call = yield* calling(affinity)
      yield* pass("save")
      yield* pass("restore")
      assert.strictEqual((yield* Fiber.join(call)).target, "other")
      assert.deepStrictEqual(ran, ["save k home>other busy", "restore k home>other busy"])
    })
  )

  it.effect("that fails leaves the key where it was", () =>
    Effect.gen(function* () {
      const { affinity, before, fail, ran } = yield* setUp()
      yield* affinity.drain("home")
      yield* fail("save", "disk full")
      const error = yield* Effect.flip(affinity.resolve("k"))
      assert.deepInclude(error, { _tag: "MoveFailed", stage: "save" })
      assert.deepStrictEqual(ran, ["save k home>other draining"])
      assert.deepInclude(yield* affinity.lookup("k"), { _tag: "Bound", target: "home", epoch: before.epoch })
      yield* affinity.add("home")
      assert.deepStrictEqual(yield* affinity.resolve("k"), before)
    })
  )

  it.effect("is done once, though the target that was chosen goes", () =>
    Effect.gen(function* () {
      const { affinity, pass, ran } = yield* setUp()
      yield* affinity.drain("home")
      const call = yield* calling(affinity)
      yield* pass("save")
      yield* soon
      yield* affinity.add("third")
      yield* affinity.remove("other")
      yield* pass("restore")
      assert.strictEqual((yield* Fiber.join(call)).target, "third")
      assert.strictEqual(ran.filter((line) => line.startsWith("save k")).length, 1)
    })
  )

  it.effect("is interrupted if its target goes: the key is lost, once, and restored", () =>
    Effect.gen(function* () {
      const { affinity, pass, ran } = yield* setUp()
      yield* affinity.drain("home")
      const call = yield* calling(affinity)
      yield* soon
      assert.deepStrictEqual(yield* affinity.remove("home"), ["k"])
      yield* soon
      assert.sameMembers(ran, ["save k home>other draining", "save interrupted", "restore k home>other gone"])
      yield* pass("restore")
      assert.strictEqual((yield* Fiber.join(call)).target, "other")
      assert.deepInclude(yield* affinity.stats, {
        lost: 1,
        moved: 1,
        movedBy: { busy: 0, draining: 0, gone: 1, bind: 0 }
      })
    })
  )
})

describe("what happens to a key on its way", () => {
  it.effect("bound by hand, it is where it was put, and the hook is interrupted", () =>
    Effect.gen(function* () {
      const { affinity, ran } = yield* setUp()
      yield* affinity.add("third")
      yield* affinity.remove("home")
      const call = yield* calling(affinity)
      yield* soon
      const put = yield* affinity.bind("k", "third")
      assert.deepStrictEqual(yield* Fiber.join(call), put)
      yield* soon
      assert.include(ran, "restore interrupted")
      assert.deepInclude(yield* affinity.stats, { moving: 0, waiting: 0 })
    })
  )

  it.effect("unbound, it is forgotten, and callers place it anew", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* setUp()
      yield* affinity.drain("home")
      const call = yield* calling(affinity)
      yield* soon
      assert.isFalse(yield* affinity.unbind("k", before.epoch + 1))
      assert.isTrue(yield* affinity.unbind("k", before.epoch))
      assert.deepInclude(yield* Fiber.join(call), { target: "other" })
      assert.deepInclude(yield* affinity.stats, { moving: 0, moved: 0, unbound: 1, created: 2 })
    })
  )

  it.effect("at its fixed end, it expires", () =>
    Effect.gen(function* () {
      const { affinity, ran } = yield* setUp({ expiry: "absolute", expireAfter: "2 seconds" })
      yield* affinity.drain("home")
      const call = yield* calling(affinity)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(call)))._tag, "BindingExpired")
      yield* soon
      assert.deepStrictEqual(ran, ["save k home>other draining", "save interrupted"])
    })
  )

  it.effect("it does not expire by idleness, and is not forgotten", () =>
    Effect.gen(function* () {
      const { affinity, pass } = yield* setUp({ expireAfter: "1 seconds", waitFor: "1 days" })
      yield* affinity.remove("home")
      const call = yield* calling(affinity)
      yield* TestClock.adjust("1 hours")
      yield* pass("restore")
      assert.strictEqual((yield* Fiber.join(call)).target, "other")
    })
  )

  it.effect("in a snapshot it is where it was; keys on their way count where they go", () =>
    Effect.gen(function* () {
      const { affinity } = yield* setUp()
      yield* affinity.drain("home")
      yield* calling(affinity)
      yield* soon
      assert.deepInclude((yield* affinity.snapshot).bindings[0], { key: "k", target: "home" })
      const bindings = (yield* affinity.stats).targets.map((target) => `${target.id}: ${target.bindings}`)
      assert.deepStrictEqual(bindings, ["home: 1", "other: 1"])
    })
  )
})

it.effect("hooks see the metadata of the key, which goes with it", () =>
  Effect.gen(function* () {
    const seen: Array<Movement.Movement> = []
    const { affinity, before } = yield* setUp({
      restoreState: (movement) => Effect.sync(() => seen.push(movement))
    })
    yield* affinity.annotate("k", { file: "k.json" })
    yield* affinity.remove("home")
    yield* affinity.resolve("k")
    const metadata = { file: "k.json" }
    assert.deepStrictEqual(seen, [
      { key: "k", from: "home", target: "other", reason: "gone", epoch: before.epoch, metadata }
    ])
    assert.deepInclude(yield* affinity.lookup("k"), { metadata })
  })
)

it.effect("hooks may use services, and the table itself", () =>
  Effect.gen(function* () {
    class Store extends Context.Service<Store, { readonly load: Effect.Effect<string> }>()("test/Store") {}
    const loaded: Array<string> = []
    const program = Effect.gen(function* () {
      const affinity: SessionAffinity.SessionAffinity = yield* SessionAffinity.make({
        restoreState: () =>
          Effect.gen(function* () {
            loaded.push(yield* (yield* Store).load)
            yield* affinity.annotate("k", { loaded: "yes" })
            yield* affinity.resolve("another")
          })
      })
      yield* affinity.add("home")
      yield* affinity.resolve("k")
      yield* affinity.remove("home")
      yield* affinity.add("other")
      return yield* affinity.resolve("k")
    })
    const { target } = yield* Effect.provide(program, Layer.succeed(Store, { load: Effect.succeed("state") }))
    assert.strictEqual(target, "other")
    assert.deepStrictEqual(loaded, ["state"])
  })
)

it.effect("the end of the table ends hooks, and tells those who wait; later ones are told at once", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { affinity, ran } = yield* Scope.provide(setUp(), scope)
    yield* affinity.remove("home")
    const call = yield* calling(affinity)
    yield* soon
    yield* Scope.close(scope, Exit.void)
    assert.strictEqual((yield* Effect.flip(Fiber.join(call)))._tag, "MoveFailed")
    assert.include(ran, "restore interrupted")
    assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, "MoveFailed")
    assert.deepInclude(affinity.resolveUnsafe("k"), { _tag: "Failure" })
    assert.deepInclude(yield* affinity.stats, { moving: 0, waiting: 0 })
  })
)
