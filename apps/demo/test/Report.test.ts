import { assert, it } from "@effect/vitest"
import * as Report from "../src/Report.ts"

const report: Report.Report = {
  ok: false,
  python: "3.9.1",
  workers: 4,
  packages: ["json"],
  seconds: 1,
  checks: [
    { name: "held", ok: true, detail: "" },
    {
      name: "a promise whose name is rather long, as they are",
      ok: false,
      detail: "seen: something else ".repeat(5)
    }
  ],
  operations: [
    { name: "open", calls: 3, errors: { WorkerLost: 1 }, p50: 1, p95: 2, p99: 3 },
    { name: "index", calls: 3, errors: { WorkerLost: 2, SessionError: 1 }, p50: 1, p95: 2.25, p99: 12345.67 }
  ],
  errors: { WorkerLost: 3, SessionError: 1, PythonError: 1, InvalidCall: 2, DeadlineExceeded: 100 },
  killed: 1,
  restarts: 2,
  retries: 1,
  sessions: { lost: 1, recovered: 1, restored: 1 },
  circuit: ["Closed to Open"],
  processes: { started: 5, left: 0 }
}

it("errors of all operations add up", () => {
  assert.deepStrictEqual(Report.errorsOf(report.operations), { WorkerLost: 3, SessionError: 1 })
})

it("the text says which promise did not hold and what was seen, in 80 columns", () => {
  const lines = Report.render(report)
  for (const line of lines) assert.isAtMost(line.length, 80)
  assert.include(lines, "ok      held")
  assert.include(lines, "FAILED  a promise whose name is rather long, as they are: seen: something else")
  assert.include(lines, "index          3       3     1.0     2.3  12345.7")
  assert.strictEqual(lines.at(-1), "1 of 2 promises did not hold.")
})
