import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@fireweed/test-kit"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { isRunning, pool, until } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const isDeno = "Deno" in globalThis

const Said = Schema.fromJsonString(Schema.Struct({ pids: Schema.Array(Schema.Int) }))

/** A program of its own with a pool: the numbers it prints, and a way to kill it. */
const program = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const file = fileURLToPath(new URL("../fixtures/keeper.ts", import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...(isDeno ? ["run", "-A"] : []), file, ...args], {
          stdio: ["ignore", "pipe", "ignore"]
        })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const log: Array<string> = []
    const line = yield* Effect.callback<string>((resume) => {
      createInterface({ input: child.stdout }).on("line", (text) => {
        if (text.startsWith("{")) resume(Effect.succeed(text))
        else log.push(text)
      })
    }).pipe(Effect.timeout("20 seconds"))
    const { pids } = yield* Schema.decodeEffect(Said)(line)
    return { pids, log, kill: () => child.kill("SIGKILL") }
  })

const killLater = (pid: number) =>
  Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (isRunning(pid)) process.kill(pid, "SIGKILL")
    })
  )

describe("D61 what left its worker's process group and session", () => {
  it.live.each(["spawn", "zygote"] as const)("ends when the pool closes, by %s", (start) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(pool({ start }), scope)
      const daemon = yield* workers.call("sample:spawn_daemon", [], Pid)
      const other = yield* pool({ start })
      const neighbour = yield* other.call("sample:spawn_daemon", [], Pid)
      assert.isTrue(isRunning(daemon))
      yield* Scope.close(scope, Exit.void)
      yield* until("the end of the daemon", () => !isRunning(daemon))
      assert.isTrue(isRunning(neighbour), "that of another pool of this program goes on")
      const told = (yield* Telemetry.Captured).logs.map(
        ({ level, message }) => `${level}: ${String(message)}`
      )
      // A zygote ends what its workers leave, and needs not tell.
      assert.deepStrictEqual(
        told,
        start === "spawn" ? [`Warn: ended a process that left the process group of a worker: ${daemon}`] : []
      )
    }).pipe(Effect.scoped, Effect.provide(Telemetry.layerCaptured))
  )

  it.live("goes on if it was started without the mark", () =>
    Effect.gen(function* () {
      const daemon = yield* Effect.scoped(
        Effect.flatMap(pool(), (workers) => workers.call("sample:spawn_daemon", [false], Pid))
      )
      yield* killLater(daemon)
      assert.isTrue(isRunning(daemon))
    })
  )

  it.live(
    "and outlived its killed program, ends with the next pool of any program, and what belongs to a living one does not",
    () =>
      Effect.gen(function* () {
        const alive = yield* program("keep")
        const dead = yield* program("keep")
        const [worker = 0, daemon = 0] = dead.pids
        for (const pid of [daemon, alive.pids[1] ?? 0]) yield* killLater(pid)
        dead.kill()
        yield* until("the end of the worker", () => !isRunning(worker))
        // Any other program on this machine may sweep first, so who did cannot be asked; but this one must not.
        const unswept = yield* program("unswept", String(daemon))
        assert.notInclude(unswept.log.join("\n"), "left behind")
        const next = yield* program("short", ...[daemon, ...alive.pids].map(String))
        assert.deepStrictEqual(next.pids, alive.pids)
      }),
    60_000
  )
})
