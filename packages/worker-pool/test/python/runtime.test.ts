import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Interpreter from "../../src/transport/Interpreter.ts"

noLeaks()

const folder = fileURLToPath(new URL(".", import.meta.url))
const files = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name))

/** The tests of the Python package are Python: they drive a worker over its descriptors, with no TypeScript between. */
const run = (file: string, env: { readonly [name: string]: string }) =>
  Effect.gen(function* () {
    const python = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
    const report = yield* Effect.callback<string>((resume) => {
      execFile(
        python,
        ["-m", "unittest", "discover", "-s", folder, "-p", file],
        { env: { ...process.env, ...env } },
        (_error, _stdout, stderr) => resume(Effect.succeed(stderr))
      )
    })
    assert.match(report, /\nRan [1-9]\d* tests? in .*\n\nOK/, report)
  })

describe.concurrent("the tests of the Python runtime pass", () => {
  for (const file of files) it.live(file, () => run(file, { FIREWEED_EMBEDDED: "0" }), 300_000)
})

describe.concurrent("those of calls and of what is exposed pass, too, when the runtime is a string", () => {
  for (const file of ["test_calls.py", "test_registry.py"])
    it.live(file, () => run(file, { FIREWEED_EMBEDDED: "1" }), 300_000)
})
