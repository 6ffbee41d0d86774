import { assert, describe, it } from "@effect/vitest"
import { Behaviour, Start } from "@fireweed/test-kit/workers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { pooled, record } from "../support.ts"

const script = { "app:ok": Behaviour.reply("ok") }
const refusal = (start: Start.Start) => Effect.flip(pooled(script, { start }))

describe("a worker that cannot start", () => {
  it.effect("never says HELLO", () =>
    Effect.gen(function* () {
      const starting = yield* Effect.forkChild(
        Effect.flip(pooled(script, { start: Start.never, startTimeout: "5 seconds" })),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(starting.pollUnsafe())
      yield* TestClock.adjust("1 milli")
      assert.strictEqual((yield* Fiber.join(starting)).reason, "timeout")
    })
  )

  it.effect("leaves before HELLO, and its last words are told", () =>
    Effect.gen(function* () {
      const error = yield* refusal(Start.exit(127, "libpython3.so: cannot open"))
      assert.deepStrictEqual(
        [error.reason, error.detail, error.stderr],
        ["exited", "exited with status 127 before it was ready", "libpython3.so: cannot open\n"]
      )
    })
  )

  it.effect("fails in its preparation", () =>
    Effect.gen(function* () {
      const error = yield* refusal(Start.fatal("no numpy"))
      assert.deepStrictEqual([error.reason, error.detail], ["init", "failed in init: no numpy"])
    })
  )

  it.effect("is too old", () =>
    Effect.gen(function* () {
      const error = yield* refusal(Start.tooOld([3, 6, 9]))
      assert.deepStrictEqual(
        [error.reason, error.detail],
        ["python-too-old", "is Python 3.6.9, needs 3.9 or newer"]
      )
    })
  )

  it.effect("speaks another protocol, or is somebody else", () =>
    Effect.gen(function* () {
      for (const [hello, words] of [
        [{ proto: 2 }, "speaks protocol 2"],
        [{ token: "stolen" }, "wrong token"],
        [{ codecs: ["json"] }, "pickle"]
      ] as const) {
        const error = yield* refusal(Start.hello(hello))
        assert.strictEqual(error.reason, "handshake")
        assert.include(error.detail, words)
      }
    })
  )

  it.effect("cannot be spawned", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(Start.refused())).reason, "interpreter-not-found")
    })
  )
})

it.effect("a slow start ends when its time has come", () =>
  Effect.gen(function* () {
    const starting = yield* Effect.forkChild(pooled(script, { start: Start.slow("4 seconds") }), {
      startImmediately: true
    })
    yield* TestClock.adjust("3999 millis")
    assert.isUndefined(starting.pollUnsafe())
    yield* TestClock.adjust("1 milli")
    yield* Fiber.join(starting)
  })
)

it.effect("a slow start can fail at its end", () =>
  Effect.gen(function* () {
    const start = Start.slow("1 second", Start.fatal("no licence"))
    const starting = yield* Effect.forkChild(refusal(start), { startImmediately: true })
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* Fiber.join(starting)).detail, "failed in init: no licence")
  })
)

it.effect("starts come in turn: a place whose worker fails is filled by the next", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled(script, {
      size: 2,
      start: Start.inTurn([Start.hello({ python: [3, 9, 2] }), Start.exit(1), Start.ready])
    })
    const events = yield* record(pool)
    yield* TestClock.adjust("1 second")
    const workers = (yield* pool.snapshot).workers.map(({ id, python, state }) => [id, python, state])
    assert.deepStrictEqual(workers, [
      ["1.1", "3.9.2", "ready"],
      ["2.2", "3.13.0", "ready"]
    ])
    assert.isTrue(events.some((event) => event._tag === "WorkerReady" && event.pid === undefined))
  })
)
