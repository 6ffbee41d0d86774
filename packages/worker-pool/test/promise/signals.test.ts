/** How programs with pools end: by signals, and by coming to their end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { here } from "../faults/parent.ts"
import { folder } from "../support.ts"

const program = fileURLToPath(new URL("../fixtures/program.ts", import.meta.url))

/** Runs the program, sends it the first signal when it is ready and the second when it closes, and gives what it printed, and how it ended. */
const end = (cwd: string, what: string, ...signals: ReadonlyArray<NodeJS.Signals>) =>
  Effect.callback<{ readonly lines: ReadonlyArray<string>; readonly by: string }>((resume) => {
    const child = spawn(here.command, [...here.args, program, what], {
      cwd,
      stdio: ["ignore", "pipe", "inherit"]
    })
    const lines: Array<string> = []
    // Not by `child.kill`, of which Deno takes one, and takes it for the end.
    const send = (signal: NodeJS.Signals): void => void process.kill(child.pid ?? 0, signal)
    createInterface({ input: child.stdout }).on("line", (line) => {
      // Any pool ends what a program that was killed has left behind, and says so: here, what other tests have killed.
      if (line.includes("a program that is gone left behind")) return
      lines.push(line)
      if (line === "ready" && signals[0] !== undefined) send(signals[0])
      if (line === "closing" && signals[1] !== undefined) send(signals[1])
    })
    child.on("close", (code, signal) => resume(Effect.succeed({ lines, by: signal ?? `status ${code}` })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("a program that is told to end", () => {
  it.live("ends at once by default, and tells Python nothing", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      assert.deepStrictEqual(yield* end(cwd, "session", "SIGTERM"), { lines: ["ready"], by: "SIGTERM" })
      assert.isFalse(existsSync(join(cwd, "told")))
    })
  )

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.live(`closes its pools before it ends by ${signal}, when asked to`, () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const ended = yield* end(cwd, "closing two session", signal)
        assert.deepStrictEqual(ended, { lines: ["ready"], by: signal })
        assert.isTrue(existsSync(join(cwd, "told")))
      })
    )
  }

  it.live("leaves its end to others that listen", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const ended = yield* end(cwd, "closing session listening", "SIGTERM")
      // Nobody keeps it running when its pool is closed.
      assert.deepStrictEqual(ended, { lines: ["ready", "heard it"], by: "status 0" })
      assert.isTrue(existsSync(join(cwd, "told")))
    })
  )

  it.live("ends at once by a second signal", () =>
    Effect.gen(function* () {
      const ended = yield* end(yield* folder, "closing stubborn", "SIGINT", "SIGTERM")
      assert.deepStrictEqual(ended, { lines: ["ready", "closing"], by: "SIGTERM" })
    })
  )
})

describe("a program that comes to its end", () => {
  it.live("goes on while a pool is open, as with a server", () =>
    Effect.gen(function* () {
      const ended = yield* end(yield* folder, "idle")
      assert.deepStrictEqual(ended, { lines: ["ready", "still here"], by: "status 0" })
    })
  )

  it.live("ends when its pools are closed, and listens to no signal any more", () =>
    Effect.gen(function* () {
      const ended = yield* end(yield* folder, "closing two closed")
      assert.deepStrictEqual(ended, { lines: ["listeners: 0", "ready"], by: "status 0" })
    })
  )
})
