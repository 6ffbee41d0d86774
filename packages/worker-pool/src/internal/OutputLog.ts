/**
 * What user code prints and logs, as lines of Effect's logger that name the worker. A flood is cut: what the logger has not taken when
 * 1,024 lines wait is dropped, and the number of dropped lines is told.
 */
import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/** One line. */
export interface Line {
  readonly level: LogLevel.Severity
  readonly text: string
  readonly annotations: { readonly [name: string]: string }
}

/** Where the lines go. */
export interface OutputLog {
  readonly write: (line: Line) => void
}

const BACKLOG = 1_024

/** Makes the log: one fiber that gives the lines to Effect's logger. */
export const make: Effect.Effect<OutputLog, never, Scope.Scope> = Effect.gen(function* () {
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
    write: (line) => {
      if (!Queue.offerUnsafe(lines, line)) dropped++
    }
  }
})

/** The level of a record of Python's `logging`: 10 is DEBUG there, 50 CRITICAL. */
export const levelOf = (level: number): LogLevel.Severity =>
  level >= 50 ? "Fatal" : level >= 40 ? "Error" : level >= 30 ? "Warn" : level >= 20 ? "Info" : "Debug"

const log = ({ annotations, level, text }: Line): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWithLevel(level)(text), annotations)
