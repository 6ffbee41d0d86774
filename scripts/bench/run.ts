/**
 * `pnpm bench [package ...] [--smoke] [--check]`: measures `packages/<package>/bench/*.bench.ts`, prints a table for each
 * package and writes `bench-results/<package>.json`.
 *
 * `--smoke` makes one tiny round: do all cases run, and are the figures sane? Goals do not count then.
 * `--check` exits with 1 when a goal is missed. A case that fails exits with 1 always.
 */
import { spawn, spawnSync } from "node:child_process"
import { globSync, mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { fullPlan } from "./measure.ts"
import type { Report } from "./measure-package.ts"
import { table } from "./table.ts"

const root = path.resolve(import.meta.dirname, "../..")
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean", default: false }, check: { type: "boolean", default: false } }
})
const mode = values.smoke ? "smoke" : "full"
/** A case that hangs must not hang the run. */
const limit = values.smoke ? 120_000 : 1_800_000

const measurePackage = (files: ReadonlyArray<string>, pinned: boolean): Promise<Report> =>
  new Promise((resolve) => {
    const command = [
      ...(pinned ? ["taskset", "-c", "0"] : []),
      process.execPath,
      "--expose-gc",
      path.join(import.meta.dirname, "measure-package.ts"),
      mode,
      pinned ? "pinned" : "free",
      ...files
    ]
    const child = spawn(command[0] ?? "", command.slice(1), {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      timeout: limit
    })
    let report: Report | undefined
    child.on("message", (message: Report) => {
      report = message
    })
    child.on("close", (code, signal) => {
      const failures = [`the measuring process ended early (${signal ?? code})`]
      resolve(report ?? { results: [], failures, wantsPinned: false })
    })
  })

const benchFiles = (name: string): ReadonlyArray<string> =>
  globSync(`packages/${name}/bench/*.bench.ts`, { cwd: root })
    .toSorted()
    .map((file) => path.join(root, file))

const packages =
  positionals.length > 0
    ? positionals
    : [
        ...new Set(
          globSync("packages/*/bench/*.bench.ts", { cwd: root }).map((file) => file.split(path.sep)[1] ?? "")
        )
      ].toSorted()
// A second round on one core would tell a smoke test nothing new.
const canPin = mode === "full" && spawnSync("taskset", ["-c", "0", "true"]).status === 0
let failed = 0
let missed = 0

for (const name of packages) {
  const files = benchFiles(name)
  console.log(`\n${name}`)
  if (files.length === 0) {
    console.log(`no packages/${name}/bench/*.bench.ts`)
    failed++
    continue
  }
  const free = await measurePackage(files, false)
  if (free.wantsPinned && !canPin && mode === "full") console.log("no taskset here: measured free only")
  const pinned = free.wantsPinned && canPin ? await measurePackage(files, true) : undefined
  const results = [...free.results, ...(pinned?.results ?? [])]
  const failures = [...free.failures, ...(pinned?.failures ?? [])]

  if (results.length > 0) console.log(table(results, mode === "full"))
  for (const failure of failures) console.log(`FAIL ${failure}`)
  failed += failures.length
  if (mode === "full") {
    missed += results.filter((result) => !result.ok).length
    const file = {
      package: name,
      runtime: `node ${process.version}`,
      rounds: fullPlan.rounds,
      cases: results
    }
    mkdirSync(path.join(root, "bench-results"), { recursive: true })
    writeFileSync(path.join(root, "bench-results", `${name}.json`), `${JSON.stringify(file, null, 2)}\n`)
  } else {
    console.log(`smoke: ${results.length} cases, one tiny round each; the figures mean nothing`)
  }
}

if (missed > 0) console.log(`\n${missed} goals missed`)
if (failed > 0) console.log(`\n${failed} failed`)
process.exitCode = failed > 0 || (values.check && missed > 0) ? 1 : 0
