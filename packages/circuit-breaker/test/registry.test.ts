import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { CircuitBreaker, CircuitBreakers } from "../src/index.ts"

const keys = <K>(registry: CircuitBreakers.CircuitBreakers<K>) =>
  Effect.map(registry.entries, (entries) => entries.map(([key]) => key))

it.effect("each key has a circuit of its own, of one policy; rejections name it", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make({
      name: "hosts",
      tripPolicy: CircuitBreaker.consecutive(2)
    })
    for (let i = 0; i < 2; i++) yield* Effect.exit(hosts.run(Effect.fail("down"), "a"))
    const error = yield* Effect.flip(hosts.run(Effect.die("ran"), "a"))
    assert.strictEqual(error._tag, "CircuitOpen")
    assert.deepInclude(error, { breaker: "hosts", key: "a" })
    assert.include(error.message, `Circuit "hosts" of "a" is open`)
    assert.strictEqual(yield* hosts.run(Effect.succeed(1), "b"), 1)
    assert.deepStrictEqual(yield* keys(hosts), ["a", "b"])
    assert.strictEqual(yield* hosts.get("a"), hosts.getUnsafe("a"))
    assert.strictEqual(yield* hosts.size, 2)
  })
)

it.effect("the circuit is looked up when the effect runs, and fresh after a remove", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make<number>({ tripPolicy: CircuitBreaker.consecutive(1) })
    const call = hosts.run(Effect.fail("down"), 7)
    assert.strictEqual(yield* hosts.size, 0)
    yield* Effect.exit(call)
    yield* hosts.remove(7)
    assert.deepStrictEqual(yield* Effect.exit(call), Exit.fail("down"))
  })
)

it.effect(
  "idle keys expire after an hour; those in use, overridden, with slow calls or not yet due do not",
  () =>
    Effect.gen(function* () {
      const hosts = yield* CircuitBreakers.make({
        openDuration: "2 hours",
        tripPolicy: CircuitBreaker.slowCalls({ slowAfter: "3 hours" })
      })
      for (const key of ["idle", "used", "open", "held", "running"]) hosts.getUnsafe(key)
      yield* hosts.getUnsafe("open").trip
      yield* hosts.getUnsafe("held").override("ForcedClosed")
      yield* Effect.forkScoped(hosts.run(Effect.never, "running"), { startImmediately: true })
      yield* TestClock.adjust("59 minutes")
      yield* hosts.run(Effect.void, "used")
      assert.strictEqual(yield* hosts.size, 5)
      yield* TestClock.adjust("8 minutes")
      assert.deepStrictEqual(yield* keys(hosts), ["used", "open", "held", "running"])
    })
)

it.effect("a circuit that opened, too, once it is due and no trial is in flight", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make({ halfOpen: { deadline: "10 hours" } })
    for (const key of ["open", "half-open", "trial"]) yield* hosts.getUnsafe(key).trip
    yield* TestClock.adjust("1 minute")
    yield* hosts.run(Effect.void, "half-open")
    yield* Effect.forkScoped(hosts.run(Effect.never, "trial"), { startImmediately: true })
    yield* TestClock.adjust("67 minutes")
    assert.deepStrictEqual(yield* keys(hosts), ["trial"])
  })
)

it.effect("a breaker that somebody keeps is used by what is done with it", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make()
    const kept = yield* hosts.get("a")
    for (const use of [kept.run(Effect.void), kept.acquire, kept.record(CircuitBreaker.success)]) {
      yield* TestClock.adjust("50 minutes")
      yield* use
    }
    yield* TestClock.adjust("50 minutes")
    assert.strictEqual(yield* hosts.get("a"), kept)
  })
)

it.effect("a key that was forgotten gets its circuit back when that is used again", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make({ tripPolicy: CircuitBreaker.consecutive(1) })
    const kept = yield* hosts.get("kept")
    const slow = yield* Effect.forkScoped(
      Effect.exit(hosts.run(Effect.delay(Effect.fail("down"), "5 hours"), "slow"))
    )
    yield* TestClock.adjust("2 hours")
    assert.strictEqual(yield* hosts.size, 0)
    yield* Effect.exit(kept.run(Effect.fail("down")))
    assert.strictEqual((yield* Effect.flip(hosts.run(Effect.die("ran"), "kept")))._tag, "CircuitOpen")
    yield* TestClock.adjust("3 hours")
    yield* Fiber.join(slow)
    assert.strictEqual((yield* Effect.flip(hosts.run(Effect.die("ran"), "slow")))._tag, "CircuitOpen")
  })
)

it.effect("but not from another that has the key by now, nor after a remove", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make()
    const [old, removed] = [yield* hosts.get("a"), yield* hosts.get("b")]
    yield* TestClock.adjust("2 hours")
    const heir = yield* hosts.get("a")
    assert.notStrictEqual(heir, old)
    yield* old.run(Effect.void)
    assert.strictEqual(yield* hosts.get("a"), heir)
    yield* removed.run(Effect.void)
    yield* hosts.remove("b")
    yield* removed.run(Effect.void)
    assert.deepStrictEqual(yield* keys(hosts), ["a"])
  })
)

it.effect("by the option, and no sweep goes on when the scope has closed", () =>
  Effect.gen(function* () {
    const hosts = yield* Effect.scoped(
      Effect.tap(CircuitBreakers.make({ idleTimeToLive: "10 seconds" }), (hosts) =>
        Effect.gen(function* () {
          hosts.getUnsafe("a")
          yield* TestClock.adjust("12 seconds")
          assert.strictEqual(yield* hosts.size, 0)
          hosts.getUnsafe("b")
        })
      )
    )
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(yield* hosts.size, 1)
  })
)

it.effect("options that make no sense are defects that name them", () =>
  Effect.gen(function* () {
    for (const [options, named] of [
      [{ idleTimeToLive: "0 seconds" }, "idleTimeToLive"],
      [{ halfOpen: { trials: 0 } }, "trials"]
    ] as const) {
      const exit = yield* Effect.exit(Effect.scoped(CircuitBreakers.make(options)))
      assert.include(String(exit), named)
      assert.isTrue(Exit.hasDies(exit))
    }
  })
)

it.effect("a layer provides one with strings for keys", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.CircuitBreakers
    assert.strictEqual(yield* hosts.run(Effect.succeed(1), "a"), 1)
  }).pipe(Effect.provide(CircuitBreakers.layer()))
)
