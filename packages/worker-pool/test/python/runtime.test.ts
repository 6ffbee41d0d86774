import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Interpreter from "../../src/transport/Interpreter.ts"

noLeaks()

/** The tests of the Python package are Python: they drive a worker over its descriptors, with no TypeScript between. */
const run = (args: ReadonlyArray<string>, env: { readonly [name: string]: string }) =>
  Effect.gen(function* () {
    const python = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
    const report = yield* Effect.callback<string>((resume) => {
      const folder = fileURLToPath(new URL(".", import.meta.url))
      execFile(
        python,
        ["-m", "unittest", "discover", "-s", folder, ...args],
        { env: { ...process.env, ...env } },
        (_error, _stdout, stderr) => resume(Effect.succeed(stderr))
      )
    })
    assert.match(report, /\nRan \d{2,} tests in .*\n\nOK/, report)
  })

it.live("the tests of the Python runtime pass", () => run([], { FIREWEED_EMBEDDED: "0" }), 300_000)

it.live(
  "those of calls and of what is exposed pass, too, when the runtime is a string",
  () => run(["-k", "test_calls", "-k", "test_registry"], { FIREWEED_EMBEDDED: "1" }),
  300_000
)
