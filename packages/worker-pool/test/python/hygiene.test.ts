import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { isRunning, pool, record, until, whole } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const isDeno = "Deno" in globalThis

describe("D61 when the scope of a pool closes", () => {
  it.live("closing twice is closing once; calls after it say so", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(pool(), scope)
      const waiting = yield* Effect.forkChild(Effect.flip(workers.call("sample:sleep", [60])), {
        startImmediately: true
      })
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "WorkerLost")
      const error = yield* Effect.flip(workers.call("math:sqrt", [1]))
      assert.strictEqual(error._tag === "PoolUnavailable" && error.reason, "closed")
    })
  )
})

it.live("D79 a pool closes in time, whatever its workers ignore", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const workers = yield* Scope.provide(
      pool({
        size: 3,
        start: "spawn",
        shutdownTimeout: "500 millis",
        teardown: { target: "time:sleep", args: [60] }
      }),
      scope
    )
    yield* whole(workers, 3)
    const events = yield* record(workers)
    const deaf = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"
    for (const endless of [
      "import time\nwhile True:\n  try: time.sleep(60)\n  except BaseException: pass",
      // Native code that never gives the interpreter's lock back.
      "import re\nre.match('(a+)+$', 'a' * 64 + 'b')"
    ])
      yield* Effect.forkChild(
        Effect.flip(workers.call("builtins:exec", [`${deaf}\nprint('in it', flush=True)\n${endless}`])),
        { startImmediately: true }
      )
    yield* until("two workers are in it", () => events.filter(({ _tag }) => _tag === "Output").length === 2)
    const pids = (yield* workers.snapshot).workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
    assert.isTrue(pids.length === 3 && pids.every(isRunning))
    const before = performance.now()
    yield* Scope.close(scope, Exit.void)
    assert.isBelow(performance.now() - before, 20_000, "and not the minute that they would take")
    assert.isFalse(pids.some(isRunning))
  })
)

describe("D61 when this process is killed, nothing is left", () => {
  it.live(
    "in whatever state a worker is, with its children, within seconds",
    () =>
      Effect.gen(function* () {
        const holder = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(
              process.execPath,
              [
                ...(isDeno ? ["run", "-A"] : []),
                fileURLToPath(new URL("../fixtures/holder.ts", import.meta.url))
              ],
              { stdio: ["ignore", "pipe", "inherit"] }
            )
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const line = yield* Effect.callback<string>((resume) => {
          createInterface({ input: holder.stdout }).once("line", (text) => resume(Effect.succeed(text)))
        }).pipe(Effect.timeout("20 seconds"))
        const pids = yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Schema.Int)))(line)
        assert.strictEqual(pids.length, 6)
        assert.isTrue(pids.every(isRunning))
        holder.kill("SIGKILL")
        yield* until("all of them to end", () => !pids.some(isRunning))
      }),
    30_000
  )
})

it.live("D61 a worker that crashed, was killed, or was ended for not obeying leaves no zombie", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ cancelGrace: "100 millis" })
    const pids: Array<number> = []
    for (const end of [
      workers.call("sample:die", [1]),
      workers.call("sample:kill", [9]),
      workers.call("sample:swallow", [], { deadline: "300 millis" })
    ]) {
      pids.push(yield* workers.call("sample:pid", [], Pid))
      yield* Effect.flip(end)
    }
    assert.strictEqual(new Set(pids).size, 3)
    yield* until("all to be buried", () => !pids.some((pid) => existsSync(`/proc/${pid}`)))
  })
)
