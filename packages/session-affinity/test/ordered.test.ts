import { assert, describe, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Table from "../src/internal/table.ts"
import * as Turns from "../src/internal/turns.ts"
import { settings } from "./support/table.ts"

const setUp = (options: SessionAffinity.Options = {}) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ ordered: true, ...options })
    yield* affinity.add("v")
    yield* affinity.add("w")
    const log: Array<string> = []
    /** Begins, and ends when told. */
    const call = (key: string, name: string) =>
      Effect.gen(function* () {
        const end = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          affinity.withTarget(key, () =>
            Effect.andThen(
              Effect.sync(() => log.push(name)),
              Deferred.await(end)
            )
          ),
          { startImmediately: true }
        )
        return { fiber, end: Effect.andThen(Deferred.succeed(end, undefined), Fiber.await(fiber)) }
      })
    return { affinity, call, log }
  })
const soon = TestClock.adjust("1 millis")

describe("ordered", () => {
  it.effect("calls of one key run one after the other, in order of arrival; other keys run freely", () =>
    Effect.gen(function* () {
      const { affinity, call, log } = yield* setUp()
      const first = yield* call("k", "k1")
      const second = yield* call("k", "k2")
      const third = yield* call("k", "k3")
      const other = yield* call("other", "o1")
      assert.deepStrictEqual(log, ["k1", "o1"])
      assert.deepInclude(yield* affinity.stats, { waiting: 2 })
      yield* other.end
      yield* second.end.pipe(Effect.forkChild)
      yield* soon
      assert.deepStrictEqual(log, ["k1", "o1"])
      yield* first.end
      yield* soon
      assert.deepStrictEqual(log, ["k1", "o1", "k2", "k3"])
      yield* third.end
      const { targets, waiting } = yield* affinity.stats
      assert.deepStrictEqual([waiting, ...targets.map(({ load }) => load)], [0, 0, 0])
    })
  )

  it.effect("a call can be interrupted while it waits for its turn, and the next one has it", () =>
    Effect.gen(function* () {
      const { affinity, call, log } = yield* setUp()
      const first = yield* call("k", "1")
      const second = yield* call("k", "2")
      const third = yield* call("k", "3")
      yield* Fiber.interrupt(second.fiber)
      assert.deepInclude(yield* affinity.stats, { waiting: 1 })
      yield* first.end
      yield* third.end
      assert.deepStrictEqual(log, ["1", "3"])
      assert.deepInclude(yield* affinity.stats, { waiting: 0 })
    })
  )

  it.effect("the turn ends with the call, however that ends", () =>
    Effect.gen(function* () {
      const { affinity, call, log } = yield* setUp()
      const first = yield* call("k", "1")
      const failing = yield* Effect.forkChild(
        affinity.withTarget("k", () => Effect.fail("no")),
        {
          startImmediately: true
        }
      )
      const dying = yield* Effect.forkChild(
        affinity.withTarget("k", (): Effect.Effect<void> => {
          throw new Error("bug")
        }),
        { startImmediately: true }
      )
      const last = yield* call("k", "2")
      yield* Fiber.interrupt(first.fiber)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(failing)))
      assert.isTrue(Exit.isFailure(yield* Fiber.await(dying)))
      assert.isTrue(Exit.isSuccess(yield* last.end))
      assert.deepStrictEqual(log, ["1", "2"])
    })
  )

  it.effect("a refusal ends the turn, too, and the order holds where the target is waited for", () =>
    Effect.gen(function* () {
      let busy = false
      const { affinity, call, log } = yield* setUp({ busy: () => busy })
      yield* affinity.bind("k", "w")
      busy = true
      const first = yield* call("k", "1")
      const second = yield* call("k", "2")
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(first.fiber)))
      busy = false
      yield* affinity.recheck("w")
      assert.isTrue(Exit.isSuccess(yield* second.end))
      assert.deepStrictEqual(log, ["2"])
    })
  )

  it.effect("no more than maxWaiting calls wait for their turns", () =>
    Effect.gen(function* () {
      const { affinity, call } = yield* setUp({ maxWaiting: 1 })
      const first = yield* call("k", "1")
      const second = yield* call("k", "2")
      const error = yield* Effect.flip(affinity.withTarget("k", Effect.succeed))
      assert.deepInclude(error, { _tag: "WaitersFull", maxWaiting: 1 })
      yield* affinity.withTarget("other", Effect.succeed)
      yield* first.end
      yield* second.end
      yield* affinity.withTarget("k", Effect.succeed)
      assert.deepInclude(yield* affinity.stats, { waiting: 0, rejected: { WaitersFull: 1 } })
    })
  )

  it.effect("no call of a key runs while hooks carry its state from one target to another", () =>
    Effect.gen(function* () {
      let running = 0
      const during: Array<number> = []
      const { affinity } = yield* setUp({ saveState: () => Effect.sync(() => during.push(running)) })
      const use = () =>
        Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => Effect.yieldNow,
          () => Effect.sync(() => running--)
        )
      const { target } = yield* affinity.resolve("k")
      const calls = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.forkChild(affinity.withTarget("k", use), { startImmediately: true })
      )
      yield* affinity.drain(target)
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(during, [0])
    })
  )
})

it.effect("without it, calls of one key run side by side", () =>
  Effect.gen(function* () {
    const { call, log } = yield* setUp({ ordered: false })
    yield* call("k", "1")
    yield* call("k", "2")
    assert.deepStrictEqual(log, ["1", "2"])
  })
)

it.effect("nothing is kept of a key whose calls have ended, were interrupted or refused", () =>
  Effect.gen(function* () {
    const turns = Turns.make(Table.make(settings({ maxWaiting: 50 })))
    for (let i = 0; i < 100; i++) yield* turns.run(`k${i}`, Effect.void)
    assert.strictEqual(turns.size(), 0)
    const calls = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) =>
      Effect.forkChild(turns.run(`k${i % 10}`, Effect.never), { startImmediately: true })
    )
    assert.strictEqual(turns.size(), 10)
    assert.strictEqual(calls.filter((call) => call.pollUnsafe() !== undefined).length, 40)
    yield* Fiber.interruptAll(calls)
    assert.strictEqual(turns.size(), 0)
  })
)
