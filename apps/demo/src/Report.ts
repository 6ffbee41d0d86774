/**
 * What the demo found out: every promise as a named check, and the numbers.
 */
import type { Operation } from "./Meter.ts"
import * as Text from "./Text.ts"

/** A promise, and whether it was held. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** What was seen. */
  readonly detail: string
}

/** The outcome of one run. */
export interface Report {
  /** Whether all checks are. */
  readonly ok: boolean
  readonly python: string
  readonly workers: number
  readonly packages: ReadonlyArray<string>
  readonly seconds: number
  readonly checks: ReadonlyArray<Check>
  readonly operations: ReadonlyArray<Operation>
  /** Errors of all operations, by tag. */
  readonly errors: { readonly [tag: string]: number }
  /** Workers killed by the demo with SIGKILL. */
  readonly killed: number
  /** Workers that were replaced. */
  readonly restarts: number
  /** Calls that the pool tried again by itself. */
  readonly retries: number
  readonly sessions: { readonly lost: number; readonly recovered: number; readonly restored: number }
  /** Transitions of the circuit breaker of the starts. */
  readonly circuit: ReadonlyArray<string>
  /** Processes that were workers, and those of them that outlived the pool. */
  readonly processes: { readonly started: number; readonly left: number }
}

/** The errors of all operations, by tag. */
export const errorsOf = (operations: ReadonlyArray<Operation>): { readonly [tag: string]: number } => {
  const sum: { [tag: string]: number } = {}
  for (const { errors } of operations) {
    for (const [tag, count] of Object.entries(errors)) sum[tag] = (sum[tag] ?? 0) + count
  }
  return sum
}

/** The report as text of at most 80 columns. */
export const render = (report: Report): ReadonlyArray<string> => {
  const errors = Object.entries(report.errors)
  const failed = report.checks.filter((check) => !check.ok).length
  return [
    ...Text.table(
      ["operation", "calls", "errors", "p50 ms", "p95 ms", "p99 ms"],
      report.operations.map((each) => [
        each.name,
        String(each.calls),
        String(Object.values(each.errors).reduce((sum, count) => sum + count, 0)),
        each.p50.toFixed(1),
        each.p95.toFixed(1),
        each.p99.toFixed(1)
      ]),
      ["calls", "errors", "p50 ms", "p95 ms", "p99 ms"]
    ),
    "",
    ...[
      ["errors by tag", errors.length === 0 ? "none" : errors.map(([tag, n]) => `${tag} ${n}`).join(", ")],
      ["workers", `${report.workers} (${report.restarts} restarted, ${report.killed} of them killed)`],
      ["calls retried by the pool", String(report.retries)],
      [
        "sessions",
        `${report.sessions.lost} lost, ${report.sessions.recovered} recovered; ${report.sessions.restored} restored`
      ],
      ["circuit breaker", report.circuit.length === 0 ? "closed, no transition" : report.circuit.join(", ")],
      ["processes", `${report.processes.started} started, ${report.processes.left} left`]
    ].flatMap(([name = "", value = ""]) => hanging(name.padEnd(25), value)),
    "",
    ...report.checks.flatMap((check) =>
      hanging(check.ok ? "ok    " : "FAILED", check.ok ? check.name : `${check.name}: ${check.detail}`)
    ),
    "",
    failed === 0
      ? `All ${report.checks.length} promises held, in ${report.seconds.toFixed(1)} s.`
      : `${failed} of ${report.checks.length} promises did not hold.`
  ]
}

/** A value beside its name; where it does not fit, its next lines stand below it. */
const hanging = (name: string, value: string): ReadonlyArray<string> =>
  Text.wrap(value, 78 - name.length).map((line, index) =>
    `${index === 0 ? name : " ".repeat(name.length)}  ${line}`.trimEnd()
  )
