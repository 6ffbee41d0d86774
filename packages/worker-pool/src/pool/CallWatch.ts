/**
 * What is told of a call when it has ended, and what goes with it on its way: an event for those who listen, attributes of its span, the
 * trace that Python can go on with. A call of which nobody wants to know costs one question.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { CallEnded, CallOutcome, PoolEvent } from "../PoolEvent.ts"
import * as Kind from "../protocol/Kind.ts"
import type { Callee } from "./Calls.ts"

/** A call that somebody wants to know of. */
export interface Watched {
  /** W3C's `traceparent` of its span. */
  readonly trace: string | undefined
  /** It is tried, for the first time or again. */
  readonly tried: () => void
  /** A worker has it. */
  readonly given: (worker: string, now: number) => void
  readonly ended: (exit: Exit.Exit<unknown, CallError>) => void
}

/** Watches calls of one pool; `undefined` of those that nobody wants to know of. */
export interface CallWatch {
  readonly begin: (callee: Callee, span: Tracer.Span | undefined) => Watched | undefined
  /** Runs with a span for the call, if the pool makes them. */
  readonly spanned: <A, E, R>(
    callee: Callee,
    run: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /** The same with a span that lasts as long as the scope. */
  readonly spannedScoped: <A, E, R>(
    callee: Callee,
    run: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R | Scope.Scope>
}

/** Makes what watches the calls of one pool. */
export const make = (options: {
  readonly timers: Timers
  readonly spans: boolean
  readonly listening: () => boolean
  readonly publish: (build: () => PoolEvent) => void
}): CallWatch => {
  const { publish, timers } = options

  const watch = (callee: Callee, span: Tracer.Span | undefined): Watched => {
    const began = timers.now()
    let attempts = 0
    let worker: string | undefined
    let waited: number | undefined
    return {
      trace: span === undefined ? undefined : traceparent(span),
      tried: () => void attempts++,
      given: (id, now) => {
        worker = id
        waited ??= now - began
      },
      ended: (exit) => {
        const took = timers.now() - began
        const error =
          exit._tag === "Failure" ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        const event: CallEnded = {
          _tag: "CallEnded",
          target: callee.label,
          outcome: outcomeOf(exit, error),
          error,
          worker,
          attempts,
          waited: waited ?? took,
          took
        }
        publish(() => event)
        if (span !== undefined) describe(span, event)
      }
    }
  }

  return {
    begin: (callee, span) =>
      (span === undefined && !options.listening()) || isOwn(callee) ? undefined : watch(callee, span),
    spanned: (callee, run) =>
      options.spans && !isOwn(callee) ? Effect.useSpan(callee.target, CLIENT, run) : run(undefined),
    spannedScoped: (callee, run) =>
      options.spans ? Effect.flatMap(Effect.makeSpanScoped(callee.target, CLIENT), run) : run(undefined)
  }
}

/** What the pool does for itself: nobody waits for it. */
const isOwn = ({ kind, own }: Callee): boolean => own === true || kind === Kind.Request.close

const CLIENT = { kind: "client", captureStackTrace: false } as const

/** W3C Trace Context, version 00; `undefined` for a span whose numbers it cannot carry. */
export const traceparent = (span: Tracer.Span): string | undefined =>
  /^[\da-f]{32}$/.test(span.traceId) && /^[\da-f]{16}$/.test(span.spanId)
    ? `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
    : undefined

const outcomeOf = (exit: Exit.Exit<unknown, CallError>, error: CallError | undefined): CallOutcome => {
  if (exit._tag === "Success") return "success"
  if (error !== undefined) return error._tag
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"
}

const describe = (span: Tracer.Span, { attempts, outcome, waited, worker }: CallEnded): void => {
  if (worker !== undefined) span.attribute("fireweed.worker", worker)
  span.attribute("fireweed.attempts", attempts)
  span.attribute("fireweed.queue_wait_ms", waited)
  span.attribute("fireweed.outcome", outcome)
}
