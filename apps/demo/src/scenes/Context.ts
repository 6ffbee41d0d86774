/**
 * What every scene works with: the pool, those who watch it, and the list of promises.
 */
import type { PoolEvent, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Faults from "../Faults.ts"
import * as Journal from "../Journal.ts"
import * as Meter from "../Meter.ts"
import type { Check } from "../Report.ts"
import type { Mark, Update } from "../Update.ts"

/** The pool, and all that is known of it. */
export interface Context {
  readonly pool: WorkerPool.WorkerPool
  readonly workers: number
  readonly journal: Journal.Journal
  readonly meter: Meter.Meter
  /** The promises checked so far. */
  readonly checks: ReadonlyArray<Check>
  /** Workers killed so far by {@link Context.killUnder}. */
  readonly killed: () => number
  readonly tell: (update: Update) => Effect.Effect<void>
  readonly news: (mark: Mark, text: string) => Effect.Effect<void>
  /** Checks something, and tells; `detail` is what was seen instead. */
  readonly promise: (name: string, ok: boolean, detail: string) => Effect.Effect<void>
  /** {@link Faults.killUnder} for this pool. */
  readonly killUnder: <A, E>(call: Effect.Effect<A, E>, worker?: string) => Effect.Effect<A, E>
}

/** Starts to watch a pool. */
export const make = (options: {
  readonly pool: WorkerPool.WorkerPool
  readonly workers: number
  readonly tell: (update: Update) => Effect.Effect<void>
}): Effect.Effect<Context, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { pool, tell } = options
    const checks: Array<Check> = []
    let killed = 0
    const news = (mark: Mark, text: string) => tell({ _tag: "News", mark, text })
    const journal = yield* Journal.keep(pool, (event) => {
      const told = describe(event)
      return told === undefined ? Effect.void : news(...told)
    })
    return {
      ...options,
      journal,
      meter: Meter.make(),
      checks,
      killed: () => killed,
      news,
      promise: (name, ok, detail) =>
        Effect.suspend(() => {
          checks.push({ name, ok, detail: ok ? "" : detail })
          return news(ok ? "ok" : "failed", ok ? name : `${name}: ${detail}`)
        }),
      killUnder: (call, worker) =>
        Faults.killUnder(
          pool,
          call,
          (victim) => {
            killed++
            return news("broke", `SIGKILL to worker ${victim.worker} (process ${victim.pid})`)
          },
          worker
        )
    }
  })

/** How long something may take to come about, in milliseconds. */
const PATIENCE = 10_000
const PAUSE = 10

/** Waits until something holds; answers whether it came to that. */
export const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<boolean> =>
  condition.pipe(
    Effect.tap((held) => (held ? Effect.void : Effect.sleep(PAUSE))),
    Effect.repeat({ until: (held) => held }),
    Effect.timeoutOrElse({ duration: PATIENCE, orElse: () => Effect.succeed(false) })
  )

/** Waits until every worker is ready, and known to the journal; answers whether it came to that. */
export const whole = ({ journal, pool, workers }: Context): Effect.Effect<boolean> =>
  eventually(
    Effect.map(pool.snapshot, (snapshot) => {
      const ready = snapshot.workers.filter(
        ({ pid, state }) => state === "ready" && pid !== undefined && journal.pids.has(pid)
      )
      return ready.length === workers
    })
  )

/** What is worth a line. */
const describe = (event: PoolEvent.PoolEvent): readonly [Mark, string] | undefined => {
  switch (event._tag) {
    case "WorkerReady":
      return Journal.isFirstLife(event.worker)
        ? undefined
        : ["healed", `worker ${event.worker} took its place`]
    case "CallRetried":
      return ["healed", `the pool tries ${event.target} again: its caller sees nothing of it`]
    case "StartFailed":
      return ["broke", event.error.message]
    case "Circuit":
      return ["info", `circuit breaker: ${event.from} to ${event.to}`]
    case "Output":
      return ["output", `worker ${event.worker} ${event.output}: ${event.line}`]
    default:
      return undefined
  }
}
