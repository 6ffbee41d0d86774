/**
 * Fallbacks: what is given instead when a call could not be made. Each has a name, given by the user, and what it gives is marked with it, with
 * what failed before: so what is second best is never taken for the result. The pool itself has none, and a mock is none.
 *
 * ```ts
 * import { CallError, Fallback } from "@fireweed/worker-pool"
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 *
 * const full = new CallError.QueueFull({ reason: "limit", target: "app:score", queued: 1_000, waited: Duration.zero })
 * const call = Effect.fail(full) // such as pool.call("app:score", [rows])
 *
 * const program = call.pipe(
 *   Fallback.orElse([Fallback.make("replica", Effect.fail("it is down")), Fallback.make("cached score", Effect.succeed(0.7))])
 * )
 *
 * const { failed, from, value } = await Effect.runPromise(program)
 * if (from !== "cached score" || value !== 0.7) throw new Error("expected the cached score")
 * if (failed.map(({ name }) => name).join() !== "primary,replica") throw new Error("expected what failed before, in order")
 * ```
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/** What is given instead, under a name. */
export interface Fallback<out A, out E = never, out R = never> {
  readonly name: string
  readonly effect: Effect.Effect<A, E, R>
}

/** What has failed: the call (`primary`), or a fallback. */
export interface Failure {
  readonly name: string
  readonly error: unknown
}

/** A value, and where it is from. */
export interface Answer<A> {
  readonly value: A
  /** `primary` for the result of the call itself, else the name of the fallback. */
  readonly from: string
  /** What had failed before it, in order: nothing, if it is the result of the call. */
  readonly failed: ReadonlyArray<Failure>
}

interface Fields {
  readonly failed: ReadonlyArray<Failure>
}

// Written out: see docs/decisions/0007-errors-write-their-fields-twice.md.
const AllFailedBase: new (args: Fields) => Cause.YieldableError & { readonly _tag: "AllFailed" } & Fields =
  Data.TaggedError("AllFailed")

/**
 * The call failed, and so did all fallbacks; `failed` has the error of each, in order.
 *
 * @category errors
 */
export class AllFailed extends AllFailedBase {
  /** What happened, in order. */
  override get message(): string {
    return this.failed.map(({ error, name }) => `${name}: ${text(error)}`).join("; ")
  }
}

/** What the result of the call itself is from. */
export const PRIMARY = "primary"

/**
 * A fallback. A name that is empty, or `primary`, is a defect, a `TypeError`.
 *
 * @category constructors
 */
export const make = <A, E = never, R = never>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Fallback<A, E, R> => {
  if (typeof name !== "string" || name === "" || name === PRIMARY)
    throw new TypeError(
      `Fallback.make: the name must be a text that is neither empty nor "${PRIMARY}", not ${JSON.stringify(name)}`
    )
  return { name, effect }
}

/**
 * Whether a fallback makes sense after this error: nobody could be asked. That is so when the call found no room (`QueueFull`), no pool
 * (`PoolUnavailable`), or a worker that died before it had begun (`WorkerLost`, `started` `no`). A function that raised, and a
 * call that was wrong, have their answer.
 */
export const isUnavailable = (error: unknown): boolean => {
  switch (tagOf(error)) {
    case "QueueFull":
    case "PoolUnavailable":
      return true
    case "WorkerLost":
      return typeof error === "object" && error !== null && "started" in error && error.started === "no"
    default:
      return false
  }
}

/** Options of {@link orElse}. */
export interface Options<E> {
  /** After which errors of the call a fallback is asked for; any other passes as it is. Default: {@link isUnavailable}. */
  readonly when?: ((error: E) => boolean) | undefined
}

type ValueOf<F> = F extends Fallback<infer A, unknown, unknown> ? A : never
type ServicesOf<F> = F extends Fallback<unknown, unknown, infer R> ? R : never

/**
 * Tries a call, and when it could not be made one fallback after the other. A fallback that fails, however it does, is followed by the next; when
 * none is left the error is {@link AllFailed}. It has no time limit: what a call may take is its `deadline`.
 */
export const orElse: {
  <E, const F extends ReadonlyArray<Fallback<unknown, unknown, unknown>>>(
    fallbacks: F,
    options?: Options<E>
  ): <A, R>(
    call: Effect.Effect<A, E, R>
  ) => Effect.Effect<Answer<A | ValueOf<F[number]>>, E | AllFailed, R | ServicesOf<F[number]>>
  <A, E, R, const F extends ReadonlyArray<Fallback<unknown, unknown, unknown>>>(
    call: Effect.Effect<A, E, R>,
    fallbacks: F,
    options?: Options<E>
  ): Effect.Effect<Answer<A | ValueOf<F[number]>>, E | AllFailed, R | ServicesOf<F[number]>>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R, B, R2>(
    call: Effect.Effect<A, E, R>,
    fallbacks: ReadonlyArray<Fallback<B, unknown, R2>>,
    { when = isUnavailable }: Options<E> = {}
  ): Effect.Effect<Answer<A | B>, E | AllFailed, R | R2> => {
    const attempt = (failed: ReadonlyArray<Failure>): Effect.Effect<Answer<A | B>, AllFailed, R2> => {
      const next = fallbacks[failed.length - 1]
      if (next === undefined) return Effect.fail(new AllFailed({ failed }))
      const { effect, name } = next
      return Effect.matchEffect(effect, {
        onSuccess: (value) => Effect.succeed({ value, from: name, failed }),
        onFailure: (error) => attempt([...failed, { name, error }])
      })
    }
    return Effect.matchEffect(call, {
      onSuccess: (value) => Effect.succeed<Answer<A | B>>({ value, from: PRIMARY, failed: [] }),
      onFailure: (error) =>
        when(error) ? attempt([{ name: PRIMARY, error }]) : Effect.fail<E | AllFailed>(error)
    })
  }
)

const tagOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
