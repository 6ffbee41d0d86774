/**
 * `pnpm soak [part ...] [--list]`: what takes minutes and so is not run for every change. A part is a file
 * `packages/<name>/soak/*.soak.ts` that default-exports a `Part`; `ten-runs` is built in. Prints each part's figures, writes
 * `soak-results/<part>.json`, and exits with 1 if a part failed.
 */
import { globSync, mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { run } from "./process.ts"

/** Writes down a figure: what was measured, with its unit in the name, and the value. */
export type Report = (figure: string, value: number | string | boolean) => void

export interface Part {
  /** Kebab case, unique in the repository. */
  readonly name: string
  /** Fails by throwing; what it reported until then is kept. */
  readonly run: (report: Report) => void | Promise<void>
}

const root = path.resolve(import.meta.dirname, "..")

/** Every test of every package, ten times in a row: a test that fails now and then fails here. */
const tenRuns: Part = {
  name: "ten-runs",
  run: async (report) => {
    const failed: Array<string> = []
    for (let i = 1; i <= 10; i++) {
      const started = performance.now()
      const { code, output } = await run("vitest", ["run", "--reporter=dot"], { cwd: root })
      report(`run ${i}, s`, Number(((performance.now() - started) / 1000).toFixed(2)))
      if (code !== 0) failed.push(`run ${i}:\n${output}`)
    }
    report("runs that failed", failed.length)
    if (failed.length > 0) throw new Error(failed.join("\n"))
  }
}

const load = async (): Promise<ReadonlyArray<Part>> => {
  const files = globSync("packages/*/soak/*.soak.ts", { cwd: root }).toSorted((a, b) => a.localeCompare(b))
  const modules = files.map(async (file): Promise<{ readonly default: Part }> => {
    return import(pathToFileURL(path.join(root, file)).href)
  })
  return [...(await Promise.all(modules)).map((module) => module.default), tenRuns]
}

/** Whether the part held. */
const soak = async (part: Part): Promise<boolean> => {
  console.log(`\n${part.name}`)
  const figures: Record<string, number | string | boolean> = {}
  const report: Report = (figure, value) => {
    figures[figure] = value
    console.log(`  ${figure}: ${value}`)
  }
  const started = performance.now()
  let error: string | undefined
  try {
    await part.run(report)
  } catch (cause) {
    error = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    console.log(`  FAILED ${error}`)
  }
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1))
  const result = {
    part: part.name,
    ok: error === undefined,
    seconds,
    runtime: `node ${process.version}`,
    figures,
    error
  }
  mkdirSync(path.join(root, "soak-results"), { recursive: true })
  writeFileSync(path.join(root, "soak-results", `${part.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  return error === undefined
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: "boolean", default: false } }
})
const parts = await load()
const unknown = positionals.filter((name) => !parts.some((part) => part.name === name))
if (values.list) {
  for (const part of parts) console.log(part.name)
} else if (unknown.length > 0) {
  console.log(`no such part: ${unknown.join(", ")}. There are: ${parts.map((part) => part.name).join(", ")}`)
  process.exitCode = 1
} else {
  const chosen = positionals.length === 0 ? parts : parts.filter((part) => positionals.includes(part.name))
  const failed: Array<string> = []
  for (const part of chosen) if (!(await soak(part))) failed.push(part.name)
  console.log(`\n${chosen.length - failed.length} of ${chosen.length} parts held`)
  if (failed.length > 0) process.exitCode = 1
}
