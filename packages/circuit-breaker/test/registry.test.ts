import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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

it.effect("idle keys expire after an hour; those in use, open, overridden or with slow calls do not", () =>
  Effect.gen(function* () {
    const hosts = yield* CircuitBreakers.make()
    for (const key of ["idle", "used", "open", "held"]) hosts.getUnsafe(key)
    yield* hosts.getUnsafe("open").trip
    yield* hosts.getUnsafe("held").override("ForcedClosed")
    yield* TestClock.adjust("59 minutes")
    yield* hosts.run(Effect.void, "used")
    assert.strictEqual(yield* hosts.size, 4)
    yield* TestClock.adjust("8 minutes")
    assert.deepStrictEqual(yield* keys(hosts), ["used", "open", "held"])
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
