/**
 * How a call gets to the worker that its session lives on, which may be another one by the time that it gets there.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { CallError } from "../CallError.ts"
import type { Deadline } from "./Request.ts"
import type { Entry } from "./Sessions.ts"

/** The route of one session's calls. */
export interface Route {
  /** Where the session lives, or did last. */
  readonly session: () => Entry
  /** Runs a call where the session lives; again where it lives then, if it did not begin, or may run twice. */
  readonly run: <A>(
    call: { readonly target: string; readonly deadline: Deadline | undefined; readonly idempotent: boolean },
    attempt: (way: Way) => Effect.Effect<A, CallError>
  ) => Effect.Effect<A, CallError>
}

/** One attempt's way. */
export interface Way {
  readonly session: Entry
  /** Asked when the call is sent: whether it brings a snapshot back. */
  readonly takes: () => boolean
  /** Told once, at once, how the attempt came out; answers what its caller is told, when all is done that has to be done before. */
  readonly settled: (exit: Exit.Exit<unknown, CallError>) => Effect.Effect<unknown, CallError>
  /** The caller has left. Any number of times, before or after. */
  readonly left: () => void
}
