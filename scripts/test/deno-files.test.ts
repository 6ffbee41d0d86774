/** The files that `pnpm deno:test` runs under Deno use only `node:test`: here they run under Node. */
import { globSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { run } from "../process.ts"

const root = path.resolve(import.meta.dirname, "../..")
const files = globSync("packages/*/test/deno/*.ts", { cwd: root }).toSorted((a, b) => a.localeCompare(b))

describe("node --test", () => {
  it("there is a file for the pure packages at least", () => {
    const packages = new Set(files.map((file) => file.split(path.sep)[1]))
    for (const name of ["circuit-breaker", "retry", "session-affinity"])
      assert.isTrue(packages.has(name), name)
  })

  for (const file of files) {
    it(file, { timeout: 60_000 }, async () => {
      const { code, output } = await run(process.execPath, ["--test", file], { cwd: root, timeout: 50_000 })
      assert.strictEqual(code, 0, output)
    })
  }
})
