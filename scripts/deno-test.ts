/**
 * `pnpm deno:test`: under Deno, the examples in the docstrings of every package's sources (type-checked and run) and the files
 * in `packages/<name>/test/deno`. The globs are expanded here, as a shell would leave one that matches nothing as it stands.
 *
 * Left out are test-kit's bindings for vitest, which cannot load outside of it.
 */
import { globSync } from "node:fs"
import * as path from "node:path"
import { run } from "./process.ts"
import { record } from "./tally.ts"

const root = path.resolve(import.meta.dirname, "..")
const files = globSync(["packages/*/src/**/*.ts", "packages/*/test/deno/*.ts"], { cwd: root })
  .filter((file) => !file.startsWith(path.join("packages", "test-kit", "src", "vitest")))
  .toSorted((a, b) => a.localeCompare(b))
const { code, stdout } = await run("deno", ["test", "-A", "--doc", ...files, ...process.argv.slice(2)], {
  cwd: root,
  echo: true
})
const counts = /(\d+) passed[^|]*\| (\d+) failed/.exec(stdout)
if (counts !== null) record({ passed: Number(counts[1]), failed: Number(counts[2]) })
process.exitCode = code
