/**
 * From a call of the user to a request of the dispatcher: arguments are encoded before anything waits, one deadline covers all of it,
 * and what is safe to try again is tried again.
 */
import { Category, Retry } from "@fireweed/retry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidCall, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import * as Kind from "../protocol/Kind.ts"
import type * as Codec from "../protocol/Codec.ts"
import type { Payload } from "../protocol/Frame.ts"
import * as Json from "../protocol/Json.ts"
import type { StreamAssignment } from "../worker/Assignment.ts"
import type { CallWatch, Watched } from "./CallWatch.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import type { Deadline, Request } from "./Request.ts"
import * as Reentry from "./Reentry.ts"
import * as Requests from "./Request.ts"
import type { Route, Way } from "./Route.ts"
import type { Entry } from "./Sessions.ts"

/** Options of one call. */
export interface CallOptions {
  /** Keyword arguments. */
  readonly kwargs?: { readonly [name: string]: unknown } | undefined
  /** Time for all of it: the wait for a worker, retries and the work. Default: no limit but the queue's. */
  readonly deadline?: Duration.Input | undefined
  /**
   * Whether the function may run twice. Then a call whose worker dies is tried on another, up to four times. A call that only waits is
   * not touched by a death. Default: false.
   */
  readonly idempotent?: boolean | undefined
  /**
   * How much earlier than others it gets a worker, while calls wait: each step counts as a second of waiting. A whole number from -1,000 to
   * 1,000. Default: 0.
   */
  readonly priority?: number | undefined
  /**
   * Whose call it is, such as a tenant or a user. Keys take turns, so that one with many calls waiting does not hold up another. Default: all
   * calls without one are of one key.
   */
  readonly fairnessKey?: string | undefined
}

/** Options of a call that checks its result. */
export interface CheckedCallOptions<A> extends CallOptions {
  /** What the result must be; anything else fails with `InvalidCall`, reason `result`. */
  readonly result: Schema.Codec<A, unknown>
}

/** What is called. */
export interface Callee {
  /** CALL, OPEN or CLOSE. */
  readonly kind: number
  /** The function, class or method, as Python knows it. */
  readonly target: string
  /** The same for people: a method is told with its session. */
  readonly label: string
  /** The session it belongs to; it decides the worker. */
  readonly session?: Entry | undefined
  /** How it gets to its session, should that live elsewhere by then. */
  readonly route?: Route | undefined
  /** Its answer is to have a snapshot of the session with it: a `Taken`. */
  readonly takes?: boolean | undefined
  /** Its first argument is a snapshot, to make the session from. */
  readonly restores?: boolean | undefined
  /** The pool makes it for itself, and tells nobody. */
  readonly own?: boolean | undefined
  /** When it must be done, if that is settled already. */
  readonly deadline?: Deadline | undefined
  /** With this it is a map over its arguments. */
  readonly map?: Codec.MapMode | undefined
  /** With this it waits for as long as it takes, and may then run for this long, in milliseconds. */
  readonly patientFor?: number | undefined
}

/** Calls of one pool. */
export type Invoke = (
  callee: Callee,
  args: ReadonlyArray<unknown>,
  options: Partial<CheckedCallOptions<unknown>>
) => Effect.Effect<unknown, CallError>

/** A call whose arguments are encoded. */
export interface Prepared {
  /** A request for it; each attempt has its own. */
  readonly request: (settle: Request["settle"], stream?: StreamAssignment, way?: Way) => Request
  /** It can only be done when the fiber that asks for it has come to its end. */
  readonly deferred: boolean
  /** Attempts it, and again as long as that is safe. */
  readonly attempts: <A>(
    once: (way: Way | undefined) => Effect.Effect<A, CallError>
  ) => Effect.Effect<A, CallError>
}

/**
 * Encodes a call, or says why it cannot be sent. These `waiting` wait for the fiber that makes it; `credit` makes it a stream; `watched` is
 * told of its way.
 */
export type Prepare = (
  callee: Callee,
  args: ReadonlyArray<unknown>,
  options: CallOptions,
  waiting: Reentry.Waiting | undefined,
  watched: Watched | undefined,
  credit?: number
) => Prepared | InvalidCall

/** Makes what is behind every call and every stream of a pool. */
export const prepare = (options: {
  readonly timers: Timers
  readonly codec: Codec.Codec
  /** Largest message, in bytes. */
  readonly maxFrame: number
  /** Makes the path of a file in a target absolute. */
  readonly locate: (target: string) => string
  /** Why such a call may not be made at all; `undefined` if it may. */
  readonly refusal: (callee: Callee) => string | undefined
  /** Why a call would wait for itself, when these wait for the fiber that makes it; `undefined` if it would not. */
  readonly reentry: (waiting: Reentry.Waiting, callee: Callee) => string | undefined
  readonly onRetry: (attempt: number, error: CallError) => void
}): Prepare => {
  const { codec, timers } = options
  let arrivals = 0

  const policy = Retry.byCategory<CallError, "resource" | "timeout", "last">({
    surface: "last",
    // Only the loss of a worker is made good here. A full queue and a deadline that has passed are answers: waiting longer is the caller's choice.
    rules: {
      resource: { ...Category.rules.resource, retries: 0 },
      timeout: { ...Category.rules.timeout, retries: 0 }
    },
    onRetry: (attempt) => options.onRetry(attempt.number, attempt.error)
  })

  return (callee, args, callOptions, waiting, watched, credit) => {
    const refused = options.refusal(callee)
    if (refused !== undefined) return invalid(callee.label, "target", refused, "no")
    const closing = callee.kind === Kind.Request.close
    const reentry = waiting === undefined ? undefined : options.reentry(waiting, callee)
    if (reentry !== undefined && !closing) return invalid(callee.label, "reentry", reentry, "no")
    const encoded = codec.call(options.locate(callee.target), args, callOptions.kwargs)
    if ("_tag" in encoded) {
      const detail = `${encoded.path} is ${encoded.found}: ${encoded.hint}`
      return invalid(callee.label, "arguments", detail, "no")
    }
    if (encoded.size > options.maxFrame) {
      const detail = `args have ${encoded.size} bytes, maxFrame allows ${options.maxFrame}`
      return invalid(callee.label, "arguments", detail, "no")
    }
    const { fairnessKey: key, priority = 0 } = callOptions
    checkOrder(priority, key)
    const deadline = callee.deadline ?? deadlineOf(callOptions.deadline, timers)
    const payload = (now: number, session: string | undefined, snapshot: boolean): Payload =>
      closing && session !== undefined
        ? { pieces: [Json.encodeJson({ session })], buffers: [] }
        : encoded.payload({
            deadline: deadline === undefined ? undefined : Math.max(0, deadline.at - now),
            session,
            credit,
            map: callee.map,
            trace: watched?.trace,
            snapshot,
            restore: callee.restores
          })
    const idempotent = callOptions.idempotent ?? false
    return {
      deferred: reentry !== undefined,
      request: (settle, stream, way) => {
        watched?.tried()
        const session = way?.session ?? callee.session
        const request: Request = {
          kind: callee.kind,
          target: callee.label,
          // CLOSE has no values, and is JSON like all that is between the two halves themselves.
          codec: callee.kind === Kind.Request.close ? 1 : codec.id,
          payload: (now) => {
            request.takes = callee.takes ?? way?.takes() ?? false
            return payload(now, session?.name, request.takes)
          },
          session,
          waiting,
          deadline,
          runLimit: callee.patientFor ?? Number.POSITIVE_INFINITY,
          patient: callee.patientFor !== undefined,
          stream,
          settle,
          given: watched?.given,
          order: arrivals++,
          key,
          priority,
          arrivedAt: undefined,
          takes: false,
          place: Requests.NEW,
          timer: undefined
        }
        return request
      },
      attempts: (once) => {
        if (callee.route !== undefined)
          return callee.route.run({ target: callee.label, deadline, idempotent }, once)
        return callee.session === undefined
          ? Retry.run(once(undefined), policy, { idempotent, maxElapsed: callOptions.deadline })
          : once(undefined)
      }
    }
  }
}

/** Makes the function behind every call of a pool. */
export const make = (prepare: Prepare, dispatcher: Dispatcher, watch: CallWatch): Invoke => {
  const run = (
    callee: Callee,
    args: ReadonlyArray<unknown>,
    callOptions: Partial<CheckedCallOptions<unknown>>,
    waiting: Reentry.Waiting | undefined,
    watched: Watched | undefined
  ): Effect.Effect<unknown, CallError> => {
    const call = prepare(callee, args, callOptions, waiting, watched)
    if ("_tag" in call) return Effect.fail(call)
    const once = (way: Way | undefined) =>
      Effect.callback<unknown, CallError>((resume) => {
        const request = call.request(
          (exit) => resume(way === undefined ? exit : way.settled(exit)),
          undefined,
          way
        )
        dispatcher.submit(request)
        return Effect.sync(() => {
          dispatcher.abandon(request)
          way?.left()
        })
      })
    if (call.deferred) return Effect.forkDetach(once(undefined))
    const value = call.attempts(once)
    return callOptions.result === undefined ? value : checked(callee.label, callOptions.result, value)
  }
  return (callee, args, callOptions) =>
    watch.spanned(callee, (span) =>
      Effect.withFiber((fiber) => {
        const watched = watch.begin(callee, span)
        const value = run(callee, args, callOptions, fiber.getRef(Reentry.Waiting), watched)
        return watched === undefined
          ? value
          : Effect.onExit(value, (exit) => Effect.sync(() => watched.ended(exit)))
      })
    )
}

/** The most that a priority can be, either way. */
export const MAX_PRIORITY = 1_000

const checkOrder = (priority: number, key: string | undefined): void => {
  if (!Number.isInteger(priority) || Math.abs(priority) > MAX_PRIORITY)
    throw new TypeError(
      `call: priority must be a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, not ${String(priority)}`
    )
  if (key !== undefined && (typeof key !== "string" || key === ""))
    throw new TypeError(`call: fairnessKey must be a text that is not empty, not ${JSON.stringify(key)}`)
}

/** The moment a call must be done that is made now. */
export const deadlineOf = (input: Duration.Input | undefined, timers: Timers): Deadline | undefined => {
  if (input === undefined) return undefined
  const length = Duration.toMillis(Duration.fromInputUnsafe(input))
  return { at: timers.now() + length, length }
}

const checked = (
  label: string,
  schema: Schema.Codec<unknown, unknown>,
  value: Effect.Effect<unknown, CallError>
): Effect.Effect<unknown, CallError> => Effect.flatMap(value, check(label, "the result", schema))

/** Reads a value by a schema; `what` names it in the error. */
export const check = (label: string, what: string, schema: Schema.Codec<unknown, unknown>) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (value: unknown): Effect.Effect<unknown, InvalidCall> =>
    Effect.mapError(decode(value), (error) =>
      invalid(label, "result", `${what} is not what was asked for: ${error.message}`, "maybe")
    )
}

/** The error of a call that is wrong. */
export const invalid = (
  target: string,
  reason: InvalidCall["reason"],
  detail: string,
  started: InvalidCall["started"]
): InvalidCall => stackless(() => new InvalidCall({ reason, target, detail, started }))
