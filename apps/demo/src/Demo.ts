/**
 * The demo: search sessions over Python's standard library, and what becomes of them when workers are killed and functions misbehave.
 * It prints nothing; what happens is told as {@link Update}s, what came of it is the {@link Report}.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError, PoolEvent } from "@fireweed/worker-pool"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import * as Faults from "./Faults.ts"
import * as Journal from "./Journal.ts"
import * as Meter from "./Meter.ts"
import { errorsOf } from "./Report.ts"
import type { Check, Report } from "./Report.ts"
import * as SearchSession from "./SearchSession.ts"
import type { Mark, Update } from "./Update.ts"

/** The Python modules that the workers run. */
export const pythonPath: string = fileURLToPath(new URL("../python", import.meta.url))

/** What to show. */
export interface DemoOptions {
  readonly workers: number
  /** Packages of the standard library, each once; `all` is all of it. */
  readonly packages: ReadonlyArray<string>
  /** Told what happens. */
  readonly tell: (update: Update) => Effect.Effect<void>
}

/** There is no package of that name. */
export class UnknownPackage extends Data.TaggedError("UnknownPackage")<{ readonly message: string }> {}

const QUERIES = [
  "parse a header",
  "read lines with a timeout",
  "cancel what is running",
  "escape special characters"
] as const
/** How long the pool may take to become whole again, in milliseconds. */
const PATIENCE = 10_000

/** Runs the demo, and looks for processes that its pool left behind. */
export const run = (
  options: DemoOptions
): Effect.Effect<Report, CallError.StartError | CallError.CallError | UnknownPackage> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const { pids, ...report } = yield* Effect.scoped(scenario(options))
    const left = Faults.alive(pids)
    const checks = [
      ...report.checks,
      check("no Python process is left", left.length === 0, `still alive: ${left.join(", ")}`)
    ]
    return {
      ...report,
      checks,
      ok: checks.every((each) => each.ok),
      seconds: ((yield* Clock.currentTimeMillis) - start) / 1_000,
      processes: { started: pids.size, left: left.length }
    }
  })

const scenario = (options: DemoOptions) =>
  Effect.gen(function* () {
    const { packages, tell, workers } = options
    const checks: Array<Check> = []
    const news = (mark: Mark, text: string) => tell({ _tag: "News", mark, text })
    const promise = (name: string, ok: boolean, detail: string) => {
      checks.push(check(name, ok, detail))
      return news(ok ? "ok" : "failed", ok ? name : `${name}: ${detail}`)
    }

    const pool = yield* WorkerPool.make({ size: workers, pythonPath: [pythonPath], output: "ignore" })
    const journal = yield* Journal.keep(pool, (event) => {
      const told = describe(event)
      return told === undefined ? Effect.void : news(...told)
    })
    const context: Context = { ...options, pool, journal, meter: Meter.make(), news, promise }

    const files = yield* Effect.forEach(packages, (name) => listFiles(context, name))
    yield* whole(context)
    const [first] = (yield* pool.snapshot).workers
    const python = first?.python ?? ""
    yield* tell({ _tag: "Scene", title: `Python ${python}, ${workers} workers` })

    const indexing = yield* index(context, files)
    const answers = yield* search(context, indexing.sessions)
    yield* survey(context, files, indexing.lines)
    yield* misbehave(context)
    yield* searchAgain(context, indexing, answers)

    yield* promise(
      "these deaths are no crash loop: the circuit breaker stayed closed",
      journal.circuit.length === 0,
      journal.circuit.join(", ")
    )
    const operations = context.meter.summary()
    return {
      python,
      workers,
      packages,
      checks,
      operations,
      errors: errorsOf(operations),
      killed: 2,
      restarts: journal.restarts,
      retries: journal.retries,
      sessions: { lost: journal.lost, recovered: indexing.recovered() },
      circuit: journal.circuit,
      pids: journal.pids
    }
  })

interface Context extends DemoOptions {
  readonly pool: WorkerPool.WorkerPool
  readonly journal: Journal.Journal
  readonly meter: Meter.Meter
  readonly news: (mark: Mark, text: string) => Effect.Effect<void>
  /** Checks something, and tells. */
  readonly promise: (name: string, ok: boolean, detail: string) => Effect.Effect<void>
}

const check = (name: string, ok: boolean, detail: string): Check => ({
  name,
  ok,
  detail: ok ? "" : detail
})

const listFiles = ({ meter, pool }: Context, name: string) =>
  pool
    .call("corpus:files", [name], { idempotent: true, result: Schema.Array(Schema.String) })
    .pipe(
      meter.measure("list files"),
      Effect.catchTag("PythonError", (error) =>
        error.exception.type.endsWith("LookupError")
          ? Effect.fail(new UnknownPackage({ message: error.exception.message }))
          : Effect.fail(error)
      )
    )
