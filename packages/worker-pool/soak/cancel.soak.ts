/**
 * 100,000 calls, most of which are cancelled at some moment: none is answered wrongly, none twice, no worker is lost, nothing is left behind.
 * `CANCEL_SEED` picks other moments, `CANCEL_COUNT` how many calls.
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import type { Part } from "../../../scripts/soak.ts"
import { quantile } from "../../../scripts/bench/statistics.ts"
import * as Storm from "../test/faults/storm.ts"
import * as Interpreter from "../src/transport/Interpreter.ts"

const part: Part = {
  name: "cancel",
  run: async (report) => {
    const seed = process.env["CANCEL_SEED"] ?? "fireweed"
    const calls = Number(process.env["CANCEL_COUNT"] ?? 100_000)
    report("seed", seed)
    const find = Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
    const figures = await Effect.runPromise(
      Effect.scoped(Effect.flatMap(find, (python) => Storm.run({ calls, seed, python })))
    )
    report("calls", figures.calls)
    report("answered", figures.answered)
    report("cancelled, or past their deadline", figures.cancelled)
    report("CANCEL frames", figures.cancels)
    report("of these too late, since the result was on its way", figures.late)
    report("wrong answers", figures.wrong.length)
    report("calls with no terminal frame, or several", figures.unbalanced)
    report("workers lost", figures.lost)
    report("leaks", figures.leaks.join("; ") || "none")
    for (const [work, times] of figures.times) {
      if (times.length === 0) continue
      const at = (share: number): string => quantile(times, share).toFixed(1)
      report(
        `${work}: CANCEL to terminal frame, ms`,
        `p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)} (${times.length})`
      )
    }
    const faults = [...figures.wrong.slice(0, 20), ...figures.leaks]
    if (faults.length > 0 || figures.unbalanced > 0 || figures.lost > 0) throw new Error(faults.join("\n"))
    if (figures.answered + figures.cancelled !== calls) throw new Error("not every call came to an end")
  }
}

export default part
