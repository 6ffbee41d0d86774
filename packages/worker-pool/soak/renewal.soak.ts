/**
 * Workers replaced under load, by restarts and by recycling: no call may fail, and the slowest calls must take at most twice as long as
 * without. Steady stretches and stretches with replacements take turns, so that the ratio does not depend on what else the machine does.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Part } from "../../../scripts/soak.ts"

const WORKERS = 4
const CALLERS = 8
const STRETCHES = 8
const SECONDS = 4
/** What is aimed at. */
const GOAL = 2

const part: Part = {
  name: "renewal",
  run: async (report) => {
    for (const start of ["spawn", "zygote"] as const) {
      for (const [how, options] of [
        ["restarts", {}],
        ["recycling", { recycle: { calls: 100, minLife: "1 second" } }]
      ] as const) {
        const seen = await Effect.runPromise(Effect.scoped(measure(start, how, options)))
        const name = `${start}, ${how}`
        report(`${name}: workers replaced`, seen.replaced)
        report(`${name}: calls that failed, of ${seen.calls}`, seen.failed)
        report(`${name}: 99th percentile steady, ms`, round(seen.steady))
        report(`${name}: the same while workers are replaced, ms`, round(seen.renewed))
        report(`${name}: ratio`, round(seen.renewed / seen.steady))
        report(`${name}: ratio at most ${GOAL}`, seen.renewed <= GOAL * seen.steady)
        if (seen.failed > 0) throw new Error(`${seen.failed} calls failed`)
      }
    }
  }
}

export default part

const pooled = (start: "spawn" | "zygote", options: WorkerPool.Options) =>
  WorkerPool.make({ size: WORKERS, start, preload: ["json", "decimal"], output: "ignore", ...options })

const measure = (
  start: "spawn" | "zygote",
  how: "restarts" | "recycling",
  options: WorkerPool.Options
): Effect.Effect<Seen, CallError.StartError, Scope.Scope> =>
  Effect.gen(function* () {
    // With recycling there are two pools, one that is left alone.
    const renewing = yield* pooled(start, options)
    const steady = how === "recycling" ? yield* pooled(start, {}) : renewing
    let replaced = 0
    yield* Effect.forkScoped(
      Stream.runForEach(renewing.events, (event) =>
        Effect.sync(() => {
          if (event._tag === "WorkerReplaced") replaced++
        })
      )
    )
    const times = { steady: new Array<number>(), renewed: new Array<number>() }
    let failed = 0
    for (let stretch = 0; stretch < STRETCHES; stretch++) {
      for (const kind of ["steady", "renewed"] as const) {
        const pool = kind === "steady" ? steady : renewing
        const caller = Effect.gen(function* () {
          const until = performance.now() + SECONDS * 1_000
          while (performance.now() < until) {
            const began = performance.now()
            const exit = yield* Effect.exit(pool.call("time:sleep", [0.005]))
            if (exit._tag === "Failure") failed++
            else times[kind].push(performance.now() - began)
          }
        })
        const load = Effect.all(
          Array.from({ length: CALLERS }, () => caller),
          { concurrency: "unbounded", discard: true }
        )
        const restarting = Effect.forever(pool.restart())
        yield* kind === "renewed" && how === "restarts" ? Effect.raceFirst(load, restarting) : load
      }
    }
    return {
      replaced,
      failed,
      calls: times.steady.length + times.renewed.length,
      steady: percentile(times.steady),
      renewed: percentile(times.renewed)
    }
  })

interface Seen {
  readonly replaced: number
  readonly failed: number
  readonly calls: number
  /** Milliseconds. */
  readonly steady: number
  readonly renewed: number
}

const percentile = (times: ReadonlyArray<number>): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0

const round = (value: number): number => Number(value.toFixed(2))
