import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

/** Where a call stands when its deadline passes or its caller leaves, 100 ms after it was made. */
interface Stage {
  readonly name: string
  /** Calls that come before it, on the only worker. */
  readonly before?: ReadonlyArray<string>
  readonly target: string
  readonly stream?: boolean
  readonly idempotent?: boolean
  readonly limits?: { readonly [target: string]: number }
  /** What a deadline that passes then ends in; how often the function was begun by then. */
  readonly error: string
  readonly begun: number
}

const stages: ReadonlyArray<Stage> = [
  {
    name: "queued behind another call",
    before: ["app:long"],
    target: "app:ok",
    error: "DeadlineExceeded waiting",
    begun: 0
  },
  {
    name: "held back by the limit of its function",
    before: ["app:long"],
    target: "app:long",
    limits: { "app:long": 1 },
    error: "DeadlineExceeded waiting",
    begun: 0
  },
  { name: "running", target: "app:slow", error: "DeadlineExceeded running", begun: 1 },
  {
    name: "running, and deaf to its cancellation",
    target: "app:deaf",
    error: "DeadlineExceeded running",
    begun: 1
  },
  {
    name: "streaming",
    target: "app:items",
    stream: true,
    error: "DeadlineExceeded running",
    begun: 1
  },
  { name: "in a callback", target: "app:asks", error: "DeadlineExceeded running", begun: 1 },
  {
    name: "waiting for its next try",
    target: "app:dies",
    idempotent: true,
    error: "WorkerLost",
    begun: 1
  }
]

const describeExit = (exit: Exit.Exit<unknown, CallError.CallError>): string => {
  if (Exit.isSuccess(exit)) return "a value"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const reason = exit.cause.reasons[0]
  if (reason?._tag !== "Fail") return "a defect"
  return reason.error._tag === "WorkerLost" ? "WorkerLost" : `${reason.error._tag} ${reason.error.reason}`
}

/** Runs a stage to its end; what is left is looked at when every worker has had the time to stop. */
const run = (stage: Stage, deadline: boolean) =>
  Effect.gen(function* () {
    const mock = MockWorker.make({
      "app:ok": () => "ok",
      "app:long": Behaviour.delay("300 millis"),
      "app:slow": Behaviour.delay("1 hour"),
      "app:deaf": Behaviour.stubborn(),
      "app:items": Behaviour.yields([1, 2], Behaviour.hang),
      "app:asks": Behaviour.callback("never", []),
      "app:dies": Behaviour.delay("95 millis", Behaviour.exit(1))
    })
    const pool = yield* WorkerPool.make({
      size: stage.limits === undefined ? 1 : 2,
      output: "ignore",
      callbacks: { never: () => Effect.never },
      cancelGrace: "200 millis",
      crashLoop: { deaths: 100 },
      connect: mock.connect,
      ...(stage.limits === undefined ? {} : { limits: stage.limits })
    })
    yield* TestClock.adjust(0)
    const before = yield* Effect.forEach(stage.before ?? [], (target) =>
      Effect.forkChild(pool.call(target), { startImmediately: true })
    )
    const options = {
      idempotent: stage.idempotent ?? false,
      ...(deadline ? { deadline: "100 millis" as const } : {})
    }
    let answers = 0
    const call = Effect.onExit(
      stage.stream === true
        ? Stream.runDrain(pool.stream(stage.target, [], options))
        : pool.call(stage.target, [], options),
      () => Effect.sync(() => void answers++)
    )
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    yield* TestClock.adjust("100 millis")
    if (!deadline) yield* Fiber.interrupt(fiber)
    const outcome = describeExit(yield* Fiber.await(fiber))
    yield* TestClock.adjust("1 second")
    yield* Fiber.joinAll(before)
    const { queued, running } = yield* pool.snapshot
    const begun = mock.calls.filter(({ target }) => target === stage.target).length
    const others = (stage.before ?? []).filter((target) => target === stage.target).length
    return {
      outcome,
      answers,
      left: [queued, running],
      begun: begun - others,
      next: yield* pool.call("app:ok")
    }
  })

describe("a deadline that passes, and a caller that leaves", () => {
  for (const stage of stages) {
    for (const deadline of [true, false]) {
      it.effect(`${stage.name}: ${deadline ? "deadline" : "interruption"}`, () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* run(stage, deadline), {
            outcome: deadline ? stage.error : "interrupted",
            answers: 1,
            left: [0, 0],
            begun: stage.begun,
            next: "ok"
          })
        })
      )
    }
  }

  it.effect("before it was made: it is refused, and reaches no worker", () =>
    Effect.gen(function* () {
      const mock = MockWorker.make({ "app:ok": () => "ok" })
      const pool = yield* WorkerPool.make({ size: 1, output: "ignore", connect: mock.connect })
      const exit = yield* Effect.exit(pool.call("app:ok", [], { deadline: 0 }))
      assert.strictEqual(describeExit(exit), "DeadlineExceeded waiting")
      assert.strictEqual(mock.calls.length, 0)
    })
  )
})

describe("a call whose place in the order makes no sense is a defect, and reaches no worker", () => {
  for (const options of [
    { priority: Number.NaN },
    { priority: 0.5 },
    { priority: 1_001 },
    { priority: Number.NEGATIVE_INFINITY },
    { fairnessKey: "" }
  ]) {
    it.effect(JSON.stringify(Object.entries(options).map(([key, value]) => `${key} ${String(value)}`)), () =>
      Effect.gen(function* () {
        const mock = MockWorker.make({ "app:ok": () => "ok" })
        const pool = yield* WorkerPool.make({ size: 1, output: "ignore", connect: mock.connect })
        const exit = yield* Effect.exit(pool.call("app:ok", [], options))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(mock.calls.length, 0)
      })
    )
  }
})
