/**
 * The process that measures one package, started by `run.ts`: the benchmark files on its command line, in order. A process
 * of its own, so that one package's compiled code and garbage are not in another's figures.
 */
import { pathToFileURL } from "node:url"
import type { Suite } from "./bench.ts"
import { fullPlan, isSane, measure, type Result, smokePlan } from "./measure.ts"

/** What it sends to `run.ts` before it ends. */
export interface Report {
  readonly results: ReadonlyArray<Result>
  readonly failures: ReadonlyArray<string>
  /** Whether some suite asked to be measured on one core too. */
  readonly wantsPinned: boolean
}

const [mode = "", pinned = "", ...files] = process.argv.slice(2)
const plan = mode === "smoke" ? smokePlan : fullPlan
const onOneCore = pinned === "pinned"
const results: Array<Result> = []
const failures: Array<string> = []
let wantsPinned = false

for (const file of files) {
  try {
    const { default: suite }: { readonly default: Suite } = await import(pathToFileURL(file).href)
    if (onOneCore && !suite.pinned) continue
    wantsPinned ||= suite.pinned
    for (const case_ of await suite.cases()) {
      try {
        const measured = await measure(case_, plan)
        const result = suite.pinned ? { ...measured, run: onOneCore ? "one core" : "free" } : measured
        if (isSane(result)) results.push(result)
        else failures.push(`${case_.name}: not a sane figure: ${JSON.stringify(result)}`)
      } catch (error) {
        failures.push(`${case_.name}: ${describe(error)}`)
      }
    }
  } catch (error) {
    failures.push(`${file}: ${describe(error)}`)
  }
}

const report: Report = { results, failures, wantsPinned }
// A subject may have left something alive; the figures are in, so do not wait for it.
process.send?.(report, () => process.exit(0))

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
