/**
 * A vitest reporter that only counts: `vitest run --reporter=default --reporter=./scripts/tally.ts` appends one line of JSON to
 * the file that `TALLY` names, which `.ci/run` adds up. Vitest's own figures leave out files that failed to load and errors
 * outside of tests; here they count as failed.
 */
import { appendFileSync } from "node:fs"
import type { Reporter, TestModule } from "vitest/node"

export interface Count {
  readonly passed: number
  readonly failed: number
}

/** Adds to the tally, if one is kept. */
export const record = ({ passed, failed }: Count): void => {
  const file = process.env["TALLY"]
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify({ passed, failed })}\n`)
}

export const count = (modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): Count => {
  let passed = 0
  let failed = errors.length
  for (const module of modules) {
    failed += module.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === "passed") passed++
      // A test that never ended is not one that passed.
      else if (state !== "skipped") failed++
    }
  }
  return { passed, failed }
}

export default class Tally implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    record(count(modules, errors))
  }
}
