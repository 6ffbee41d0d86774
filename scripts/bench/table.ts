/** What a person reads: one line per case, one indented line per peer; `judge` says whether goals count. */
import type { Result } from "./measure.ts"

export const table = (results: ReadonlyArray<Result>, judge: boolean): string => {
  const rows = results.flatMap((result) => [
    [
      result.run === undefined ? result.case : `${result.case} (${result.run})`,
      `${figure(result.value)} ${result.unit}`,
      `${figure(result.ratio)}x`,
      `${figure(result.ratioQuartiles.q1)}..${figure(result.ratioQuartiles.q3)}`,
      `${result.baseline} (${figure(result.baselineValue)})`,
      result.bytes === undefined ? "" : `${result.bytes} B`,
      judge ? verdict(result) : ""
    ],
    ...result.peers.map((peer) => [
      `  ${peer.name}`,
      `${figure(peer.value)} ${result.unit}`,
      `${figure(peer.ratio)}x`,
      "",
      "",
      "",
      ""
    ])
  ])
  return align([["case", "median", "ratio", "quartiles", "to baseline", "heap", "goal"], ...rows])
}

const verdict = ({ goal, ok }: Result): string => {
  if (goal === undefined) return ""
  const limits = [
    ...(goal.ratio === undefined ? [] : [`<= ${goal.ratio}x`]),
    ...(goal.bytes === undefined ? [] : [`<= ${goal.bytes} B`])
  ]
  return `${ok ? "ok" : "MISS"} ${limits.join(", ")}`
}

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

const align = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
