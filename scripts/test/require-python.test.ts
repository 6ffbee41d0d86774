import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { run } from "../process.ts"

const script = path.resolve(import.meta.dirname, "../require-python.mjs")
let folder = ""
/** A stand-in for an interpreter, which answers the question for its version. */
const fake = (name: string, version: string): string => {
  const file = path.join(folder, name)
  writeFileSync(file, `#!/bin/sh\necho "${version}"\n`)
  chmodSync(file, 0o755)
  return file
}
/** In a folder without a .venv, and with no program on the PATH but those of that folder. */
const ask = (env: Readonly<Record<string, string>>) =>
  run(process.execPath, [script], { cwd: folder, env: { PATH: folder, ...env } })

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "fireweed-python-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("require-python", () => {
  it("says in one line that there is none, and how to get one", async () => {
    const { code, output } = await ask({})
    assert.strictEqual(code, 1)
    assert.match(
      output,
      /^Fireweed needs Python 3\.9 or newer, none was found: install .* set FIREWEED_PYTHON.*\n$/
    )
  })

  it("is silent when there is one that is new enough", async () => {
    const { code, output } = await ask({ FIREWEED_PYTHON: fake("new", "3 12") })
    assert.deepStrictEqual([code, output], [0, ""])
  })

  it("does not look further than FIREWEED_PYTHON, and names what is wrong with it", async () => {
    const old = fake("old", "3 8")
    const { code, output } = await ask({ FIREWEED_PYTHON: old })
    assert.strictEqual(code, 1)
    assert.strictEqual(
      output,
      `FIREWEED_PYTHON=${old} is Python 3.8: set it to a Python 3.9 or newer, or unset it.\n`
    )
  })

  it("passes over one that is too old for a later one, and names it if there is none", async () => {
    fake("python3", "3 6")
    const alone = await ask({})
    assert.strictEqual(alone.code, 1)
    assert.include(alone.output, "only found: python3 is Python 3.6")
    fake("python", "3 9")
    assert.deepStrictEqual(await ask({}), { code: 0, stdout: "", output: "" })
  })
})
