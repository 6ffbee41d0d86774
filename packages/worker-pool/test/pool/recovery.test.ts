/** Workers that are replaced and sessions that are restored: recoveries, bounded in number and in time, told, and cancelled. */
import { assert, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { PoolEvent } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"
import * as Lists from "./lists.ts"

const pooled = (options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make({ "app:ok": () => "ok", "app:die": Behaviour.exit(1) }, { start })
    const pool = yield* WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: mock.connect })
    return { mock, pool, events: yield* record(pool) }
  })

const outcomes = (pool: WorkerPool.WorkerPool) =>
  Effect.map(pool.recoveries.ended, (all) => all.map(({ outcome, subject }) => `${subject} ${outcome}`))

it.effect("a worker that dies is replaced by a recovery, and the first start is none", () =>
  Effect.gen(function* () {
    const { events, pool } = yield* pooled()
    assert.deepStrictEqual(yield* outcomes(pool), [])
    yield* Effect.flip(pool.call("app:die"))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
    assert.deepStrictEqual(yield* outcomes(pool), ["1.2 Recovered"])
    const told = events.filter(({ _tag }) => _tag.startsWith("Recovery"))
    assert.deepStrictEqual(told, [
      { _tag: "RecoveryStarted", id: 1, kind: "replace", subject: "1.2", waited: 0, took: 0 },
      {
        _tag: "RecoveryEnded",
        id: 1,
        kind: "replace",
        subject: "1.2",
        waited: 0,
        took: 0,
        outcome: "Recovered"
      }
    ])
  })
)

it.effect("D32 a worker that does not get ready within the budget is given up, and tried again", () =>
  Effect.gen(function* () {
    const { events, mock, pool } = yield* pooled({
      start: Start.inTurn([Start.ready, Start.never, Start.ready]),
      recovery: { budget: { replace: "2 seconds" } }
    })
    yield* Effect.flip(pool.call("app:die"))
    yield* TestClock.adjust("1999 millis")
    assert.lengthOf(yield* pool.recoveries.active, 1)
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(yield* outcomes(pool), ["1.2 TimedOut", "1.3 Recovered"])
    const failed = events.find((event) => event._tag === "StartFailed")
    assert.strictEqual(failed?._tag === "StartFailed" && failed.error.reason, "timeout")
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
    assert.lengthOf(mock.processes(), 1, "the one that was given up is gone")
  })
)

it.effect("D31 a start that is cancelled ends with its process, and the place is filled by the next", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({ start: Start.inTurn([Start.ready, Start.never, Start.ready]) })
    yield* Effect.flip(pool.call("app:die"))
    yield* TestClock.adjust("1 second")
    const [running] = yield* pool.recoveries.active
    assert.strictEqual(running?.took, 1_000)
    assert.isTrue(yield* pool.recoveries.cancel(running?.id ?? 0))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
    assert.deepStrictEqual(yield* outcomes(pool), ["1.2 Cancelled", "1.3 Recovered"])
    assert.lengthOf(mock.processes(), 1)
  })
)

it.effect("no more workers are replaced at once than may be", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({
      size: 5,
      start: Start.inTurn([
        Start.ready,
        Start.ready,
        Start.ready,
        Start.ready,
        Start.ready,
        Start.slow("1 second")
      ]),
      recovery: { concurrency: 2 },
      crashLoop: { deaths: 100 }
    })
    yield* TestClock.adjust(0)
    for (const { exit } of mock.processes()) exit(1)
    yield* TestClock.adjust(0)
    const sizes: Array<number> = []
    for (let second = 0; second < 4; second++) {
      sizes.push((yield* pool.snapshot).workers.length)
      yield* TestClock.adjust("1 second")
    }
    assert.deepStrictEqual(sizes, [0, 2, 4, 5])
  })
)

/** A session on the only worker, whose successors take as long as they are told to. */
const surviving = (options: Parameters<typeof Lists.pooled>[0]) =>
  Effect.gen(function* () {
    const { events, kill, pool } = yield* Lists.pooled({ size: 1, ...options })
    const session = yield* pool.session("key", "app:List", [[1]], Lists.saved)
    yield* kill(session.worker)
    yield* TestClock.adjust("1 second")
    const restoring = Effect.map(pool.recoveries.active, (all) => all.find(({ kind }) => kind === "restore"))
    return { events, pool, restoring, session }
  })

const lostFor = (events: ReadonlyArray<PoolEvent.PoolEvent>, session: WorkerPool.Session) =>
  Effect.map(Effect.flip(session.call("get")), (error) => {
    assert.lengthOf(Lists.tagged(events, "SessionLost"), 1)
    return error.message
  })

it.effect("a session that is brought back is a recovery, too", () =>
  Effect.gen(function* () {
    const { pool, session } = yield* surviving({})
    assert.deepStrictEqual(yield* session.call("get"), [1])
    const ended = (yield* pool.recoveries.ended).map(({ kind, outcome, subject }) => [kind, subject, outcome])
    assert.deepStrictEqual(ended, [
      ["replace", "1.2", "Recovered"],
      ["restore", "key", "Recovered"]
    ])
  })
)

it.effect("D32 a session that is not brought back within the budget is lost, and says so", () =>
  Effect.gen(function* () {
    const { events, restoring, session } = yield* surviving({
      start: Start.inTurn([Start.ready, Start.never]),
      recovery: { budget: { restore: "5 seconds" } }
    })
    assert.deepInclude(yield* restoring, { subject: "key", took: 1_000 })
    yield* TestClock.adjust("4 seconds")
    assert.match(yield* lostFor(events, session), /not done within 5s \(recovery\.budget\.restore\)/)
    assert.isUndefined(yield* restoring)
  })
)

it.effect("D31 a session whose restoration is cancelled is lost, and its key is free", () =>
  Effect.gen(function* () {
    const { events, pool, restoring, session } = yield* surviving({
      start: Start.inTurn([Start.ready, Start.slow("10 seconds")])
    })
    assert.isTrue(yield* pool.recoveries.cancel((yield* restoring)?.id ?? 0))
    yield* TestClock.adjust("1 minute")
    assert.match(yield* lostFor(events, session), /it was cancelled/)
    const { sessions, workers } = yield* pool.snapshot
    assert.deepStrictEqual([workers.length, workers[0]?.sessions], [1, 0])
    assert.isAtMost(sessions, 1)
  })
)
