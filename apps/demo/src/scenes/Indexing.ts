/**
 * Sessions index their packages side by side; half-way through the largest, its worker is killed.
 */
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as SearchSession from "../SearchSession.ts"
import type { Context } from "./Context.ts"
import type { Package } from "./Survey.ts"

/** The sessions, indexed. */
export interface Indexed {
  readonly sessions: ReadonlyArray<SearchSession.SearchSession>
  /** Lines in the files of each, as its index counted them. */
  readonly lines: ReadonlyArray<number>
  /** Sessions that were lost and opened again so far. */
  readonly recovered: () => number
}

/** Plays the scene. The sessions live as long as the scope. */
export const play = (
  context: Context,
  packages: ReadonlyArray<Package>
): Effect.Effect<Indexed, CallError.CallError, Scope.Scope> =>
  Effect.gen(function* () {
    const { killUnder, meter, news, pool, promise, tell } = context
    const seen: Array<string> = []
    let recovered = 0
    const largest = packages.reduce((a, b) => (b.files.length > a.files.length ? b : a))

    const watch = (name: string): SearchSession.Watch => ({
      step: (call, next, worker) => {
        const isMiddle = name === largest.name && context.killed() === 0 && next.done * 2 >= next.total
        return isMiddle ? killUnder(call, worker) : call
      },
      onProgress: ({ done, total }, worker) => tell({ _tag: "Progress", session: name, worker, done, total }),
      onLost: (error) => {
        seen.push(error._tag === "SessionError" ? `${error._tag} ${error.reason}` : error._tag)
        return news("broke", `${error._tag}: ${error.message}`)
      },
      onReopened: (worker) => {
        recovered++
        return news("healed", `session "${name}" is open again, on worker ${worker}, and indexes again`)
      }
    })

    const sessions = yield* Effect.forEach(packages, ({ files, name }) =>
      Effect.tap(SearchSession.make({ pool, meter, package: name, watch: watch(name) }), (session) =>
        tell({ _tag: "Progress", session: name, worker: session.worker(), done: 0, total: files.length })
      )
    )
    const indexes = yield* Effect.forEach(sessions, (session) => session.index, { concurrency: "unbounded" })
    yield* tell({ _tag: "Settled" })

    const met = seen.length === 0 ? "no error was seen" : `seen: ${seen.join(", ")}`
    yield* promise("a killed worker's call fails with WorkerLost", seen.includes("WorkerLost"), met)
    yield* promise("its session answers SessionError, lost", seen.includes("SessionError lost"), met)
    yield* promise(
      "every session has indexed every file",
      indexes.every(({ done }, n) => done === packages[n]?.files.length),
      indexes.map(({ done }, n) => `${packages[n]?.name} ${done}/${packages[n]?.files.length}`).join(", ")
    )
    return { sessions, lines: indexes.map(({ lines }) => lines), recovered: () => recovered }
  })
