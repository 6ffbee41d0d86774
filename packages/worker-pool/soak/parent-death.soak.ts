/** A program is killed, five times in each state of its worker, on each runtime found: all its processes are gone, and how soon. */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import type { Part } from "../../../scripts/soak.ts"
import * as Parent from "../test/faults/parent.ts"

const RUNS = 5
/** What is aimed at on a quiet machine, in milliseconds. */
const GOAL = 50

const part: Part = {
  name: "parent-death",
  run: async (report) => {
    const all: Array<number> = []
    for (const runtime of runtimes()) {
      const held: ReadonlyArray<Parent.Held> = [
        ...Parent.STATES.map((state) => ({ start: "spawn" as const, state })),
        ...Parent.FORKED_STATES.map((state) => ({ start: "zygote" as const, state }))
      ]
      for (const one of held) {
        const times: Array<number> = []
        for (let run = 0; run < RUNS; run++) {
          times.push(await Effect.runPromise(Effect.scoped(Parent.kill(one, runtime))))
        }
        all.push(...times)
        const text = times.map((time) => time.toFixed(1)).join(" ")
        report(`${runtime.name}, ${one.start}, ${one.state}: all gone after, ms`, text)
      }
    }
    report("kills", all.length)
    report("the slowest, ms", Number(Math.max(...all).toFixed(1)))
    report(`within ${GOAL} ms`, all.filter((time) => time <= GOAL).length)
  }
}

export default part

const runtimes = (): ReadonlyArray<Parent.Runtime> => {
  const deno = denoPath()
  return deno === undefined
    ? [Parent.here]
    : [Parent.here, { name: "deno", command: deno, args: ["run", "-A", "--node-modules-dir=manual"] }]
}

/** The real program: what npm installs is a script that stands before it. */
const denoPath = (): string | undefined => {
  const bin = createRequire(import.meta.url).resolve("deno/bin.cjs")
  const { status, stdout } = spawnSync(process.execPath, [bin, "eval", "console.log(Deno.execPath())"])
  return status === 0 ? stdout.toString().trim() : undefined
}
