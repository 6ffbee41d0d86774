/**
 * A vitest reporter that only counts: `vitest run --reporter=default --reporter=./scripts/tally.ts` appends one line of JSON to
 * the file that `TALLY` names, which `.ci/run` adds up. Vitest's own figures leave out files that failed to load and errors
 * outside of tests; here they count as failed. So does what a unit test prints that passes: what is expected is captured and asserted on, and
 * anything else would hide among it. The run fails of that, and says which test it was. What a real Python says of itself, when it is
 * interrupted at one moment or at another, is not foreseen.
 */
import { appendFileSync } from "node:fs"
import * as path from "node:path"
import type { Reporter, TestCase, TestModule } from "vitest/node"
import { isUnit } from "./test-rules.ts"

const root = path.resolve(import.meta.dirname, "..")

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

type Log = Parameters<NonNullable<Reporter["onUserConsoleLog"]>>[0]

/** Any pool may end what other programs left, on this machine, and says so. */
const OF_OTHERS = /left behind: \d+/

/** What was printed, other than by tests that are not `ok`: a line for each, with the test. */
export const printed = (
  tests: Iterable<Pick<TestCase, "id" | "fullName"> & { readonly ok: () => boolean }>,
  logs: ReadonlyArray<Pick<Log, "content"> & Partial<Pick<Log, "taskId">>>
): ReadonlyArray<string> => {
  const byId = new Map([...tests].map((test) => [test.id, test]))
  return logs.flatMap(({ content, taskId = "" }) => {
    const test = byId.get(taskId)
    if (OF_OTHERS.test(content) || test?.ok() === false) return []
    return [`${test?.fullName ?? "outside of tests"}: ${content.trimEnd()}`]
  })
}

export default class Tally implements Reporter {
  readonly #logs: Array<Log> = []

  onUserConsoleLog(log: Log): void {
    this.#logs.push(log)
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const tests = modules.flatMap(({ children, moduleId }) => {
      const isJudged = isUnit(path.relative(root, moduleId))
      return Array.from(children.allTests(), (test) => ({
        id: test.id,
        fullName: test.fullName,
        ok: () => isJudged && test.ok()
      }))
    })
    const unexpected = printed(tests, this.#logs)
    for (const line of unexpected) console.error(`printed, and not captured: ${line}`)
    if (unexpected.length > 0) process.exitCode = 1
    record(count(modules, [...errors, ...unexpected]))
  }
}
