/** Whether a worker answers, why one hangs, and what its calls left behind; each with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { CallError } from "@fireweed/worker-pool"
import type { PoolEvent, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { pool, record, until } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const { SIGSTOP } = constants.signals
const fast = { heartbeat: { interval: "100 millis" } } as const

/** Runs statements in the worker. */
const exec = (workers: WorkerPool.WorkerPool, ...lines: ReadonlyArray<string>) =>
  workers.call("builtins:exec", [lines.join("\n"), {}])

type Told<Tag extends PoolEvent.PoolEvent["_tag"]> = Extract<PoolEvent.PoolEvent, { readonly _tag: Tag }>

const told = <Tag extends PoolEvent.PoolEvent["_tag"]>(
  events: ReadonlyArray<PoolEvent.PoolEvent>,
  tag: Tag
): ReadonlyArray<Told<Tag>> => events.filter((event): event is Told<Tag> => event._tag === tag)

/** The error of a call whose worker is killed for its silence. */
const lost = (target: string, ...args: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const workers = yield* pool({ heartbeat: { interval: "100 millis", killAfter: "400 millis" } })
    const error = yield* Effect.flip(workers.call(target, args))
    if (error._tag !== "WorkerLost") throw error
    assert.strictEqual(error.reason, "stuck")
    assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    return error
  })

describe("a worker that runs for long", () => {
  it.live("is asked, answers, and is left alone; the snapshot says for how long, and what it uses", () =>
    Effect.gen(function* () {
      const workers = yield* pool(fast)
      const events = yield* record(workers)
      const fiber = yield* Effect.forkChild(workers.call("sample:sleep", [1]), { startImmediately: true })
      yield* Effect.sleep("800 millis")
      const { workers: seen } = yield* workers.snapshot
      assert.isFalse(seen[0]?.unresponsive)
      assert.isAbove(seen[0]?.runningFor ?? 0, 300)
      assert.isBelow(seen[0]?.runningFor ?? 0, 60_000)
      assert.isAbove(seen[0]?.memory ?? 0, 1024 ** 2)
      assert.isAbove(seen[0]?.cpu ?? 0, 0)
      assert.isAtLeast(seen[0]?.threads ?? 0, 2)
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.strictEqual((yield* workers.snapshot).workers[0]?.runningFor, 0)
      assert.deepStrictEqual(told(events, "WorkerUnresponsive"), [])
    })
  )

  it.live(
    "and holds the interpreter's lock is told of once, with the line, then of its return; it lives on",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool(fast)
        const events = yield* record(workers)
        const pid = yield* workers.call("sample:pid", [], Pid)
        const fiber = yield* Effect.forkChild(workers.call("sample:hold", [2]), { startImmediately: true })
        yield* until("it is told", () => told(events, "WorkerUnresponsive").length > 0)
        assert.isTrue((yield* workers.snapshot).workers[0]?.unresponsive)
        yield* Fiber.join(fiber)
        yield* until("its return", () => told(events, "WorkerResponsive").length > 0)
        assert.lengthOf(told(events, "WorkerUnresponsive"), 1)
        const [event] = told(events, "WorkerUnresponsive")
        assert.isAtLeast(event?.silentFor ?? 0, 300)
        assert.strictEqual(event?.diagnosis.state, "blocked")
        assert.match(event?.diagnosis.line ?? "", /sample\.py:\d+ in hold/)
        assert.strictEqual(yield* workers.call("sample:pid", [], Pid), pid)
      })
  )
})

describe("a worker that is killed says where it was stuck", () => {
  it.live("native code computes and holds the lock", () =>
    Effect.gen(function* () {
      const error = yield* lost("sample:compute")
      assert.strictEqual(error.diagnosis?.state, "gil-held")
      assert.match(error.message, /has not answered for \d+ ms.* stuck at .*sample\.py:\d+ in compute/)
      assert.match(error.diagnosis?.stack ?? "", /most recent call first/)
      const sent = yield* Schema.encodeEffect(CallError.CallError)(error)
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(CallError.CallError)(sent), error)
    })
  )

  it.live("native code waits and holds the lock", () =>
    Effect.gen(function* () {
      const error = yield* lost("sample:hold", 600)
      assert.strictEqual(error.diagnosis?.state, "blocked")
      assert.match(error.message, /stuck at .*sample\.py:\d+ in hold/)
    })
  )

  it.live("its process is stopped, and is not asked for its stacks", () =>
    Effect.gen(function* () {
      const error = yield* lost("signal:raise_signal", SIGSTOP)
      assert.deepStrictEqual(error.diagnosis, { state: "stopped", stack: "" })
      assert.match(error.message, /stopped by a signal/)
    })
  )

  it.live("user code ignores its cancellation, and has closed every low descriptor", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "400 millis" })
      const events = yield* record(workers)
      yield* workers.call("os:closerange", [0, 200])
      yield* Effect.flip(workers.call("sample:swallow", [], { deadline: "300 millis" }))
      yield* until("its end", () => told(events, "WorkerGone").length > 0)
      const detail = told(events, "WorkerGone")[0]?.detail ?? ""
      assert.match(detail, /goes on although it was cancelled, stuck at .*sample\.py:\d+ in swallow/)
      assert.deepStrictEqual(told(events, "Output"), [], "stacks are no output of user code")
    })
  )
})

describe("what calls leave behind", () => {
  it.live("is in the snapshot by name, and told when it grows", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const events = yield* record(workers)
      yield* exec(workers, "import os", "os.environ['LEFT'] = '1'")
      yield* Effect.sleep("150 millis")
      yield* exec(workers, "import os", "os.chdir('/')")
      yield* Effect.sleep("150 millis")
      yield* exec(workers, "pass")
      yield* until("both", () => told(events, "WorkerDirty").length === 2)
      assert.deepStrictEqual(
        told(events, "WorkerDirty").map(({ dirty }) => dirty),
        [["environ"], ["cwd", "environ"]]
      )
      assert.deepStrictEqual((yield* workers.snapshot).workers[0]?.dirty, ["cwd", "environ"])
    })
  )
})

describe("an idle worker", () => {
  it.live("does not wake up", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("sample:pid", [], Pid)
      yield* Effect.sleep("300 millis")
      const before = switches(pid)
      yield* Effect.sleep("2 seconds")
      assert.isAtMost(switches(pid) - before, 3)
    })
  )
})

/** Voluntary context switches of all threads of a process. */
const switches = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((task) => readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"))
    .reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]), 0)
