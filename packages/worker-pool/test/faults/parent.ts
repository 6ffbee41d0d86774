/** A program with a pool is killed, and its processes are watched until the last is gone. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { isRunning } from "../support.ts"

/** The states of a worker; `fixtures/state.ts` has them, too. */
export const STATES = [
  "idle",
  "in sleep",
  "in a loop",
  "lock held in C",
  "computing in C",
  "stopped",
  "with a child"
] as const

/** Those of a worker that was forked. */
export const FORKED_STATES = [...STATES, "with a detached child", "its zygote stopped"] as const

/** How its worker is started, and what that is doing. */
export type Held =
  | { readonly start: "spawn"; readonly state: (typeof STATES)[number] }
  | { readonly start: "zygote"; readonly state: (typeof FORKED_STATES)[number] }

/** How a program is run: the command, and what stands before the program's name. */
export interface Runtime {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** The one that runs this. */
export const here: Runtime = {
  name: "Deno" in globalThis ? "deno" : "node",
  command: process.execPath,
  args: "Deno" in globalThis ? ["run", "-A"] : []
}

/** Kills a program whose worker is in that state; gives the time until none of its processes runs, in milliseconds. */
export const kill = (
  { start, state }: Held,
  runtime: Runtime,
  env: { readonly [name: string]: string } = {}
) =>
  Effect.gen(function* () {
    const program = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          runtime.command,
          [...runtime.args, fileURLToPath(new URL("../fixtures/state.ts", import.meta.url)), state, start],
          { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const line = yield* Effect.callback<string>((resume) => {
      createInterface({ input: program.stdout }).once("line", (text) => resume(Effect.succeed(text)))
    }).pipe(Effect.timeout("60 seconds"))
    const pids = yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Schema.Int)))(line)
    if (!pids.every(isRunning)) return yield* Effect.die(new Error(`${state}: ${line} did not run`))
    const began = performance.now()
    program.kill("SIGKILL")
    return yield* gone(pids, began)
  })

/** In milliseconds. */
const LIMIT = 10_000

/** Looks without a pause: a timer is not as quick as what is measured. */
const gone = (pids: ReadonlyArray<number>, began: number): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const look = (): void => {
      const left = pids.filter(isRunning)
      const after = performance.now() - began
      if (left.length === 0) return resume(Effect.succeed(after))
      if (after < LIMIT) return void setImmediate(look)
      for (const pid of left) process.kill(pid, "SIGKILL")
      resume(Effect.die(new Error(`of ${pids.join(", ")} there are still ${left.join(", ")}`)))
    }
    look()
  })
