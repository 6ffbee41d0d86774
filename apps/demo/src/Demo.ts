/**
 * The demo: search sessions over Python's standard library, and what becomes of them when workers are killed and functions misbehave.
 * It prints nothing: what happens is told as {@link Update}s, and what came of it is the {@link Report}.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as Faults from "./Faults.ts"
import { errorsOf } from "./Report.ts"
import type { Report } from "./Report.ts"
import * as Context from "./scenes/Context.ts"
import * as Indexing from "./scenes/Indexing.ts"
import * as Misbehaving from "./scenes/Misbehaving.ts"
import * as Returning from "./scenes/Returning.ts"
import * as Searching from "./scenes/Searching.ts"
import * as Survey from "./scenes/Survey.ts"
import type { Update } from "./Update.ts"

/** The folder of the Python modules that the workers run. */
export const pythonPath: string = fileURLToPath(new URL("../python", import.meta.url))

/** What to show. */
export interface DemoOptions {
  readonly workers: number
  /** Packages of the standard library, at least one, each once; `all` is all of it. */
  readonly packages: ReadonlyArray<string>
  /** Told what happens. */
  readonly tell: (update: Update) => Effect.Effect<void>
}

/** There is no package of that name. */
export class UnknownPackage extends Data.TaggedError("UnknownPackage")<{ readonly message: string }> {}

/** Everything that can end the demo before its report. */
export type DemoError = CallError.StartError | CallError.CallError | UnknownPackage

/** Runs the demo, then looks for processes that its pool left behind. */
export const run = (options: DemoOptions): Effect.Effect<Report, DemoError> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const { context, python, recovered } = yield* Effect.scoped(scenes(options))
    const { journal } = context
    const left = Faults.alive(journal.pids)
    yield* context.promise(
      "the pool is closed, and no Python process is left",
      left.length === 0,
      `alive: ${left.join(", ")}`
    )
    const operations = context.meter.summary()
    return {
      ok: context.checks.every((check) => check.ok),
      python,
      workers: options.workers,
      packages: options.packages,
      seconds: ((yield* Clock.currentTimeMillis) - start) / 1_000,
      checks: context.checks,
      operations,
      errors: errorsOf(operations),
      killed: context.killed(),
      restarts: journal.restarts,
      retries: journal.retries,
      sessions: { lost: journal.lost, recovered, restored: journal.restored },
      circuit: journal.circuit,
      processes: { started: journal.pids.size, left: left.length }
    }
  })

const scenes = (options: DemoOptions) =>
  Effect.gen(function* () {
    const { packages, tell, workers } = options
    const scene = (title: string) => tell({ _tag: "Scene", title })
    // What workers print comes as events, so that it does not get between the bars.
    const pool = yield* WorkerPool.make({ size: workers, pythonPath: [pythonPath], output: "ignore" })
    const context = yield* Context.make({ pool, workers, tell })
    const listed = yield* Effect.forEach(packages, (name) => list(context, name))
    yield* Context.whole(context)
    const python = (yield* pool.snapshot).workers[0]?.python ?? "unknown"

    yield* scene(
      `Python ${python}: its library, in ${count(packages.length, "session")} on ${count(workers, "worker")}`
    )
    const indexed = yield* Indexing.play(context, listed)
    yield* scene("Each answers questions from its worker's memory")
    const answers = yield* Searching.play(context, indexed)
    yield* scene("A stateless function counts the lines of every file")
    yield* Survey.play(context, listed, indexed.lines)
    yield* scene("Functions misbehave")
    yield* Misbehaving.play(context)
    yield* scene("A session with snapshots outlives its worker")
    yield* Returning.play(context, listed)
    yield* scene("The sessions are asked again")
    yield* Searching.playAgain(context, indexed, answers)
    yield* scene("The end")
    yield* context.promise(
      "these deaths were no crash loop: the circuit breaker stayed closed",
      context.journal.circuit.length === 0,
      context.journal.circuit.join(", ")
    )
    return { context, python, recovered: indexed.recovered() }
  })

const list = ({ meter, pool }: Context.Context, name: string): Effect.Effect<Survey.Package, DemoError> =>
  pool.call("corpus:files", [name], { idempotent: true, result: Schema.Array(Schema.String) }).pipe(
    meter.measure("list files"),
    Effect.map((files) => ({ name, files })),
    Effect.catchTag("PythonError", (error) =>
      Effect.fail(
        error.exception.type === "LookupError"
          ? new UnknownPackage({ message: error.exception.message })
          : error
      )
    )
  )

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`
