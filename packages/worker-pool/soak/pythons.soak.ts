/**
 * Every Python that is found: one that is new enough serves, and passes the tests of the runtime; one that is too old says so.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Part } from "../../../scripts/soak.ts"
import { pythons } from "./pythons.ts"

const part: Part = {
  name: "pythons",
  run: async (report) => {
    const found = pythons()
    report("interpreters found", found.length)
    for (const python of found) report(python, await outcome(python))
  }
}

export default part

const outcome = async (python: string): Promise<string> => {
  const version = await Effect.runPromise(
    Effect.gen(function* () {
      const pool = yield* WorkerPool.make({ python, size: 2, output: "ignore" })
      for (let index = 0; index < 1_000; index++) {
        const root = yield* pool.call("math:sqrt", [index * index])
        if (root !== index) throw new Error(`${python}: sqrt(${index * index}) is ${String(root)}`)
      }
      return (yield* pool.snapshot).workers[0]?.python ?? ""
    }).pipe(
      Effect.scoped,
      Effect.catchTag("StartError", (error) =>
        error.reason === "python-too-old" ? Effect.void : Effect.fail(error)
      )
    )
  )
  if (version === undefined) return "too old, and says so"
  // Its output is told when it fails.
  for (const FIREWEED_EMBEDDED of ["0", "1"]) {
    execFileSync(
      python,
      ["-m", "unittest", "discover", "-s", fileURLToPath(new URL("../test/python", import.meta.url))],
      { stdio: ["ignore", "ignore", "pipe"], timeout: 600_000, env: { ...process.env, FIREWEED_EMBEDDED } }
    )
  }
  return `${version}: 1,000 calls, and the tests of the runtime, from files and from a string`
}
