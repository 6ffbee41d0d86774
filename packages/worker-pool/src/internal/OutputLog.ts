/**
 * What user code prints, as log lines that name the worker. A flood is cut: what the logger has not taken when 1,024 lines wait is
 * dropped, and the number of dropped lines is told.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Output } from "../transport/Transport.ts"

/** Where the lines go. */
export interface OutputLog {
  readonly write: (worker: string, output: Output, line: string) => void
}

interface Line {
  readonly worker: string
  readonly output: Output
  readonly line: string
}

const BACKLOG = 1_024

/** Makes the log: one fiber that gives the lines to Effect's logger; one that does nothing if it is not `enabled`. */
export const make = (enabled: boolean): Effect.Effect<OutputLog, never, Scope.Scope> => {
  if (!enabled) return Effect.succeed({ write: () => {} })
  return Effect.gen(function* () {
    const lines = yield* Queue.dropping<Line>(BACKLOG)
    let dropped = 0
    const tell = (batch: Iterable<Line>): Effect.Effect<void> => {
      const missed = dropped
      dropped = 0
      return Effect.andThen(
        Effect.forEach(batch, log, { discard: true }),
        missed === 0 ? Effect.void : Effect.logWarning(`${missed} lines of workers' output were dropped`)
      )
    }
    // What was taken is told, or it would be lost without being counted.
    const pump = Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(Queue.takeAll(lines)), tell))
    yield* Effect.forkScoped(Effect.forever(pump))
    // What was printed last is often what matters most.
    yield* Effect.addFinalizer(() => Effect.flatMap(Queue.clear(lines), tell))
    return {
      write: (worker, output, line) => {
        if (!Queue.offerUnsafe(lines, { worker, output, line })) dropped++
      }
    }
  })
}

const log = ({ line, output, worker }: Line): Effect.Effect<void> =>
  Effect.annotateLogs(output === "stdout" ? Effect.logInfo(line) : Effect.logWarning(line), {
    worker,
    output
  })
