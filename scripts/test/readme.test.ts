/**
 * Every ```ts block of every README is a program that a reader will paste: each is written to a file inside its package, beside the files of Python, so
 * that it resolves what the package resolves, type-checked, and run by Node as it stands.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { programs, pythonFiles } from "../markdown.ts"
import { run } from "../process.ts"

const root = path.resolve(import.meta.dirname, "../..")
const readmes = globSync(["README.md", "packages/*/README.md", "apps/*/README.md"], { cwd: root }).toSorted(
  (a, b) => a.localeCompare(b)
)
/** Removed after the run, and ignored by git if a run was killed. */
const folderOf = (readme: string): string => path.join(root, path.dirname(readme), ".readme")
const examples = readmes.flatMap((readme) =>
  programs(readFileSync(path.join(root, readme), "utf8")).map((block) => ({
    ...block,
    readme,
    file: path.join(folderOf(readme), `line-${block.line}.ts`)
  }))
)

const clear = (): void => {
  for (const readme of ["README.md", ...readmes]) rmSync(folderOf(readme), { recursive: true, force: true })
}

beforeAll(() => {
  clear()
  for (const { code, file } of examples) {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, code)
  }
  for (const readme of readmes) {
    for (const { code, name } of pythonFiles(readFileSync(path.join(root, readme), "utf8")))
      writeFileSync(path.join(folderOf(readme), name), code)
  }
})
afterAll(clear)

describe("READMEs", () => {
  for (const { code, file, heading, line, readme } of examples) {
    it(`${readme}:${line} ${heading}`, { timeout: 60_000 }, async () => {
      const { code: exit, output, stdout } = await run(process.execPath, [file], { timeout: 50_000 })
      assert.strictEqual(exit, 0, output)
      assert.isTrue(stdout !== "" || /\bassert\b/.test(code), "it prints nothing and asserts nothing")
    })
  }

  it("their programs type-check", { timeout: 60_000 }, async () => {
    assert.isAbove(examples.length, 0)
    const project = path.join(root, ".readme", "tsconfig.json")
    mkdirSync(path.dirname(project), { recursive: true })
    const compilerOptions = { noEmit: true, types: ["node"] }
    const files = examples.map((example) => example.file)
    writeFileSync(project, JSON.stringify({ extends: "../tsconfig.base.json", compilerOptions, files }))
    const tsc = path.join(root, "node_modules/typescript/bin/tsc")
    const { code, output } = await run(process.execPath, [tsc, "--project", project], { cwd: root })
    assert.strictEqual(code, 0, output)
  })
})
