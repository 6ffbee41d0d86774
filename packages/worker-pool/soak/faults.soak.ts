/**
 * The catalogue of faults on every Python that is found, spawned and forked from a zygote: the verdict on each, which versions differ and how, and what the neighbour answered
 * meanwhile. One that is too old must say so, and no more.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Part, Report } from "../../../scripts/soak.ts"
import { calls } from "../test/faults/catalogue.ts"
import * as Court from "../test/faults/judge.ts"
import { start } from "../test/faults/start.ts"
import { pythons } from "./pythons.ts"

/** Faults under way at any time. */
const WIDTH = 5

const part: Part = {
  name: "faults",
  run: async (report) => {
    const verdicts = new Map<string, Map<string, string>>()
    const failures: Array<string> = []
    for (const python of pythons()) {
      for (const how of ["spawn", "zygote"] as const) {
        const judged = await Effect.runPromise(judgeAll(python, how))
        if (judged === undefined) {
          report(python, "too old, and says so")
          break
        }
        const name = `${python}, ${how}`
        failures.push(...judged.failures.map((failure) => `${name}: ${failure}`))
        report(`${name}: faults`, judged.verdicts.length)
        report(`${name}: verdicts that were not the expected ones`, judged.failures.length)
        report(`${name}: calls that the neighbour answered`, judged.answered)
        for (const [fault, verdict] of judged.verdicts) {
          const byPython = verdicts.get(fault) ?? new Map<string, string>()
          verdicts.set(fault, byPython.set(name, verdict))
        }
      }
    }
    table(report, verdicts)
    if (failures.length > 0) throw new Error(failures.join("\n"))
  }
}

export default part

interface Judged {
  readonly verdicts: ReadonlyArray<readonly [fault: string, verdict: string]>
  readonly failures: ReadonlyArray<string>
  readonly answered: number
}

const judgeAll = (python: string, how: "spawn" | "zygote"): Effect.Effect<Judged | undefined> =>
  Effect.gen(function* () {
    const court = yield* Court.make(WIDTH, python, how)
    const failures: Array<string> = []
    const cases = [
      ...calls.flatMap(({ faults, name }) =>
        faults.map((fault) => ({ name: `${name}: ${fault.name}`, verdict: court.judge(fault) }))
      ),
      // A zygote is started like a worker.
      ...(how === "zygote" ? [] : start.faults).map((fault) => ({
        name: `${start.name}: ${fault.name}`,
        verdict: court.judgeStart(fault)
      }))
    ]
    const verdicts = yield* Effect.forEach(
      cases,
      ({ name, verdict }) =>
        Effect.map(Effect.exit(verdict), (exit): readonly [string, string] => {
          if (Exit.isSuccess(exit)) return [name, `${exit.value.outcome}, ${exit.value.reuse}`]
          failures.push(`${name}: ${String(exit.cause)}`)
          return [name, "NOT AS EXPECTED"]
        }),
      { concurrency: WIDTH }
    )
    const { neighbour } = court
    failures.push(...neighbour.failures.map((failure) => `the neighbour: ${failure}`))
    if (neighbour.answered() < 2_000) failures.push(`the neighbour answered ${neighbour.answered()} calls`)
    return { verdicts, failures, answered: neighbour.answered() }
  }).pipe(
    Effect.scoped,
    Effect.catchTag("StartError", (error) =>
      error.reason === "python-too-old" ? Effect.succeed(undefined) : Effect.die(error)
    )
  )

/** A line for each fault; where the versions agree, the verdict once. */
const table = (report: Report, verdicts: ReadonlyMap<string, ReadonlyMap<string, string>>): void => {
  for (const [fault, byPython] of verdicts) {
    const different = new Set(byPython.values())
    const [only] = different
    report(
      fault,
      different.size === 1 && only !== undefined
        ? only
        : [...byPython].map(([python, verdict]) => `${python}: ${verdict}`).join("; ")
    )
  }
}
