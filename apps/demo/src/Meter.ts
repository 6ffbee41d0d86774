/**
 * Counts calls: how many of each operation, how they ended, how long they took.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"

/** A meter. */
export interface Meter {
  /** Runs an effect as a call of the operation. */
  readonly measure: (
    operation: string
  ) => <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The operations, in the order of their first calls. */
  readonly summary: () => ReadonlyArray<Operation>
}

/** The calls of one operation. */
export interface Operation {
  readonly name: string
  readonly calls: number
  /** How many ended in each error, by tag. */
  readonly errors: { readonly [tag: string]: number }
  /** Latencies of all its calls, in milliseconds. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Makes a meter. */
export const make = (): Meter => {
  const records = new Map<
    string,
    { readonly latencies: Array<number>; readonly errors: Map<string, number> }
  >()

  const record = (operation: string, milliseconds: number, error: string | undefined): void => {
    const entry = records.get(operation) ?? { latencies: [], errors: new Map<string, number>() }
    records.set(operation, entry)
    entry.latencies.push(milliseconds)
    if (error !== undefined) entry.errors.set(error, (entry.errors.get(error) ?? 0) + 1)
  }

  return {
    measure: (operation) => (self) =>
      Effect.flatMap(Clock.monotonicTimeNanos, (start) =>
        Effect.onExit(self, (exit) =>
          Effect.map(Clock.monotonicTimeNanos, (end) =>
            record(operation, Number(end - start) / 1e6, tagOf(exit))
          )
        )
      ),
    summary: () =>
      [...records].map(([name, { errors, latencies }]) => ({
        name,
        calls: latencies.length,
        errors: Object.fromEntries(errors),
        p50: percentile(latencies, 50),
        p95: percentile(latencies, 95),
        p99: percentile(latencies, 99)
      }))
  }
}

/**
 * The percentile by nearest rank: the smallest of the values that is not less than `percent` in a hundred of them; 0 for no values.
 * See https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method
 */
export const percentile = (values: ReadonlyArray<number>, percent: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}

const tagOf = <A, E extends { readonly _tag: string }>(exit: Exit.Exit<A, E>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  return Option.match(Cause.findErrorOption(exit.cause), {
    onNone: () => (Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"),
    onSome: (error) => error._tag
  })
}
