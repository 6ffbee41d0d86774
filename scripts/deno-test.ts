/**
 * `pnpm deno:test`: under Deno, the examples in the docstrings of every package's sources (type-checked and run) and the files
 * in `packages/<name>/test/deno`.
 *
 * An example is a module, and one test of its package imports it. `deno test --doc` starts a program for each, which loads all of Effect
 * anew, and lets it use the exports of its file as if it had imported them.
 *
 * Left out are test-kit's bindings for vitest, which cannot load outside of it.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { docstrings, programs } from "./markdown.ts"
import { run } from "./process.ts"
import { record } from "./tally.ts"

const root = path.resolve(import.meta.dirname, "..")
const glob = (pattern: string): ReadonlyArray<string> =>
  globSync(pattern, { cwd: root }).toSorted((a, b) => a.localeCompare(b))

/** Inside of a package, so that its examples resolve what it resolves. Removed after the run, and ignored by git if a run was killed. */
const FOLDER = ".examples"
const packages = glob("packages/*")
const clear = (): void => {
  for (const name of packages) rmSync(path.join(root, name, FOLDER), { recursive: true, force: true })
}

/** Writes the examples of a package, and the tests that run them; gives the file of the tests. */
const write = (name: string): string => {
  const folder = path.join(root, name, FOLDER)
  mkdirSync(folder)
  const tests = glob(`${name}/src/**/*.ts`)
    .filter((source) => !source.startsWith(path.join("packages", "test-kit", "src", "vitest")))
    .flatMap((source) =>
      programs(docstrings(readFileSync(path.join(root, source), "utf8"))).map(({ code, line }) => {
        const file = `./${source.replaceAll(path.sep, "-")}-${line}.ts`
        writeFileSync(path.join(folder, file), code)
        return `Deno.test("${source}:${line}", async () => void (await import("${file}")))\n`
      })
    )
  const file = path.join(name, FOLDER, "examples.ts")
  writeFileSync(path.join(root, file), tests.join(""))
  return file
}

clear()
try {
  const files = [...packages.map(write), ...glob("packages/*/test/deno/*.ts")]
  const { code, stdout } = await run("deno", ["test", "-A", ...files, ...process.argv.slice(2)], {
    cwd: root,
    echo: true
  })
  const counts = /(\d+) passed[^|]*\| (\d+) failed/.exec(stdout)
  if (counts !== null) record({ passed: Number(counts[1]), failed: Number(counts[2]) })
  process.exitCode = code
} finally {
  clear()
}
