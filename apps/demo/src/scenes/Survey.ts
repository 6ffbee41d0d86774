/**
 * A stateless function over every file; in the middle, the worker that has just taken a call is killed, and the pool gives the call to
 * another.
 */
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { eventually, whole } from "./Context.ts"
import type { Context } from "./Context.ts"

/** A package and its files. */
export interface Package {
  readonly name: string
  readonly files: ReadonlyArray<string>
}

/** Plays the scene; `lines` are those of each package, as its index counted them. */
export const play = (
  context: Context,
  packages: ReadonlyArray<Package>,
  lines: ReadonlyArray<number>
): Effect.Effect<void, CallError.CallError> =>
  Effect.gen(function* () {
    const { journal, killUnder, meter, pool, promise, workers } = context
    const files = [...new Set(packages.flatMap((each) => each.files))]
    const middle = Math.floor(files.length / 2)
    // A worker must be free when its turn comes: as many calls at once as there are workers, and all workers there.
    yield* whole(context)

    const counts = yield* Effect.forEach(
      files,
      (file, n) => {
        const call = pool
          .call("survey:count_lines", [[file]], { idempotent: true, result: Schema.Array(Schema.Int) })
          .pipe(meter.measure("survey"))
        return n === middle ? killUnder(call) : call
      },
      { concurrency: workers }
    ).pipe(Effect.result)

    yield* promise(
      "a stateless call outlived its worker: tried again, unseen",
      counts._tag === "Success" && (yield* eventually(Effect.sync(() => journal.retries > 0))),
      counts._tag === "Success" ? "no call was tried again" : counts.failure.message
    )
    if (counts._tag === "Failure") return
    const linesOf = new Map(files.map((file, n) => [file, counts.success[n]?.[0] ?? 0]))
    const totals = packages.map((each) => each.files.reduce((sum, file) => sum + (linesOf.get(file) ?? 0), 0))
    yield* promise(
      `${files.length} files, each counted once, have the lines that were indexed`,
      totals.every((total, n) => total === lines[n]),
      `counted ${totals.join(", ")}; indexed ${lines.join(", ")}`
    )
  })
