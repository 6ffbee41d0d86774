/**
 * The catalogue of faults on every Python that is found, with workers of each kind: the verdict on each, which versions differ and how, and
 * what the neighbour answered meanwhile. One that is too old must say so, and no more.
 */
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Part, Report } from "../../../scripts/soak.ts"
import { calls, concurrent } from "../test/faults/catalogue.ts"
import type { Fault, Section, StartFault } from "../test/faults/Fault.ts"
import * as Court from "../test/faults/judge.ts"
import { start } from "../test/faults/start.ts"
import { pythons } from "./pythons.ts"

/** Faults under way at any time. */
const WIDTH = 5

/** A kind of workers, and what strikes it. */
interface Way {
  readonly name: string
  readonly pool: WorkerPool.Options
  readonly calls: ReadonlyArray<Section<Fault>>
  readonly starts: ReadonlyArray<StartFault>
}

const ways: ReadonlyArray<Way> = [
  { name: "spawned", pool: { start: "spawn" }, calls, starts: start.faults },
  // A zygote is started like a worker.
  { name: "forked", pool: { start: "zygote" }, calls, starts: [] },
  { name: "side by side", pool: { start: "zygote", concurrency: 8 }, calls: concurrent(calls), starts: [] }
]

const part: Part = {
  name: "faults",
  run: async (report) => {
    const verdicts = new Map<string, Map<string, string>>()
    const failures: Array<string> = []
    for (const python of pythons()) {
      for (const way of ways) {
        const judged = await Effect.runPromise(judgeAll(python, way))
        if (judged === undefined) {
          report(python, "too old, and says so")
          break
        }
        const name = `${python}, ${way.name}`
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

const judgeAll = (python: string, way: Way): Effect.Effect<Judged | undefined> =>
  Effect.gen(function* () {
    const court = yield* Court.make(WIDTH, python, way.pool)
    const failures: Array<string> = []
    const cases = [
      ...way.calls.flatMap(({ faults, name }) =>
        faults.map((fault) => ({ name: `${name}: ${fault.name}`, verdict: court.judge(fault) }))
      ),
      ...way.starts.map((fault) => ({
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
