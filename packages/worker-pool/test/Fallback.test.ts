import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { CallError, Fallback, WorkerPool } from "@fireweed/worker-pool"
import { withFallback } from "@fireweed/worker-pool/promise"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

const full = new CallError.QueueFull({ reason: "limit", target: "app:f", queued: 1, waited: Duration.zero })
const raised = new CallError.PythonError({
  reason: "raised",
  target: "app:f",
  worker: "1.1",
  exception: { type: "ValueError", message: "no", frames: [] }
})
const lost = (started: CallError.Started) =>
  new CallError.WorkerLost({
    reason: "exit",
    target: "app:f",
    worker: "1.1",
    started,
    exitCode: 1,
    signal: null,
    detail: "exited",
    stderr: ""
  })
const reject = (error: Error) => (): never => {
  throw error
}
const hasRaised = (error: CallError.CallError) => error._tag === "PythonError"
const never = Fallback.make("never asked", Effect.die("it was asked"))

describe("D36 a fallback is named by the user, and what it gives is marked", () => {
  it.effect("the call's own result is from the call, and no fallback is asked", () =>
    Effect.gen(function* () {
      const answer = yield* Fallback.orElse(Effect.succeed(1), [never])
      assert.deepStrictEqual(answer, { value: 1, from: "primary", failed: [] })
    })
  )

  it.effect("fallbacks are asked in order, and what failed before is told in order", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.fail(full).pipe(
        Fallback.orElse([
          Fallback.make("replica", Effect.fail("down")),
          Fallback.make("cached score", Effect.succeed(0.7)),
          never
        ])
      )
      assert.deepStrictEqual(answer, {
        value: 0.7,
        from: "cached score",
        failed: [
          { name: "primary", error: full },
          { name: "replica", error: "down" }
        ]
      })
    })
  )

  it.effect("when none is left the error has all of them, in order", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Fallback.orElse(Effect.fail(full), [Fallback.make("replica", Effect.fail("down"))])
      )
      assert.instanceOf(error, Fallback.AllFailed)
      assert.match(error.message, /^primary: app:f: the queue is full.*; replica: down$/)
    })
  )

  for (const [name, error, asked] of [
    ["a full queue", full, true],
    [
      "no pool",
      new CallError.PoolUnavailable({
        reason: "closed",
        target: "app:f",
        retryAfter: Duration.infinity,
        detail: ""
      }),
      true
    ],
    ["a worker that died before", lost("no"), true],
    ["a worker that died in the middle", lost("maybe"), false],
    ["an exception", raised, false],
    [
      "a wrong call",
      new CallError.InvalidCall({ reason: "target", target: "app:f", detail: "", started: "no" }),
      false
    ],
    [
      "a deadline",
      new CallError.DeadlineExceeded({ reason: "running", target: "app:f", deadline: Duration.seconds(1) }),
      false
    ]
  ] as const)
    it.effect(`after ${name} one is ${asked ? "" : "not "}asked`, () =>
      Effect.gen(function* () {
        const second = Fallback.make("second", Effect.succeed("second"))
        const result = yield* Effect.result(Fallback.orElse(Effect.fail(error), [second]))
        assert.deepStrictEqual(
          result._tag === "Success" ? result.success.from : result.failure,
          asked ? "second" : error
        )
      })
    )

  it.effect("the user says otherwise by `when`", () =>
    Effect.gen(function* () {
      const second = Fallback.make("second", Effect.succeed("second"))
      assert.strictEqual(
        (yield* Fallback.orElse(Effect.fail(raised), [second], { when: hasRaised })).from,
        "second"
      )
      assert.strictEqual(
        yield* Effect.flip(Fallback.orElse(Effect.fail(full), [never], { when: hasRaised })),
        full
      )
    })
  )

  it("a name that says nothing is refused", () => {
    for (const name of ["", "primary"])
      assert.throws(() => Fallback.make(name, Effect.void), TypeError, "name")
  })

  it.effect("with a pool whose queue is full", () =>
    Effect.gen(function* () {
      const connect = MockWorker.connect({ "app:f": Behaviour.hang })
      const pool = yield* WorkerPool.make({ size: 1, queue: { limit: 0 }, connect })
      const running = yield* Effect.forkChild(pool.call("app:f"), { startImmediately: true })
      const answer = yield* pool
        .call("app:f")
        .pipe(Fallback.orElse([Fallback.make("last known", Effect.succeed(1))]))
      assert.deepStrictEqual([answer.from, answer.value], ["last known", 1])
      running.interruptUnsafe()
      yield* TestClock.adjust("1 minute")
    })
  )

  it("with promises", async () => {
    const answer = await withFallback(reject(full), {
      replica: reject(new Error("down")),
      "last known": async () => 1
    })
    assert.deepStrictEqual(
      [answer.from, answer.value, answer.failed.map(({ name }) => name)],
      ["last known", 1, ["primary", "replica"]]
    )
    const passed = await withFallback(reject(raised), { second: () => 2 }).then(
      () => "it gave a value",
      (error: unknown) => error
    )
    assert.strictEqual(passed, raised)
  })
})
