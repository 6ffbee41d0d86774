/**
 * Things that a test needs and has to get rid of: a child process, a server, a folder. A fixture is released once, when its scope closes
 * or before, whatever became of the test; the release is bounded in time, and what is gone already is no error.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as RealTime from "./internal/RealTime.ts"

/**
 * Marks fixtures.
 *
 * @category models
 */
export type TypeId = "~@fireweed/test-kit/Fixture"
export const TypeId: TypeId = "~@fireweed/test-kit/Fixture"

/**
 * Something that is released once.
 *
 * @category models
 */
export interface Fixture<out A> {
  readonly [TypeId]: TypeId
  readonly value: A
  /**
   * Releases it now, before its scope closes. Whoever asks again waits for the first release to end, and nothing more is done; its failure
   * is told to the first alone.
   */
  readonly release: Effect.Effect<void, ReleaseError>
  /** How often the release was asked for, by the scope's end too. */
  readonly releases: () => number
  /** Where it stands. */
  readonly state: () => State
}

/**
 * `gone`: when it was to be released, it was gone already; `failed`: its release failed, or took too long and was left alone.
 *
 * @category models
 */
export type State = "held" | "releasing" | "released" | "gone" | "failed"

/**
 * @category models
 */
export interface Options {
  /** Its name in errors. Default: `fixture`. */
  readonly name?: string | undefined
  /**
   * Longest release. It is real time, also in a test with a test clock, since nobody advances that clock while a scope closes.
   * Default: 5 seconds.
   */
  readonly timeout?: Duration.Input | undefined
}

const ReleaseErrorBase: new (args: {
  readonly reason: "timeout" | "failed"
  readonly fixture: string
  readonly detail: string
  readonly cause?: unknown
}) => Cause.YieldableError & {
  readonly _tag: "ReleaseError"
  readonly reason: "timeout" | "failed"
  readonly fixture: string
  readonly detail: string
} = Data.TaggedError("ReleaseError")

/**
 * A fixture could not be released: it may be there still. When a scope's end meets it, it is a defect, so that the test fails; the other
 * fixtures of the scope are released all the same.
 *
 * @category errors
 */
export class ReleaseError extends ReleaseErrorBase {
  override get message(): string {
    const hint =
      this.reason === "timeout"
        ? "it was left alone: see what its release waits for"
        : "it may be there still"
    return `${this.fixture}: ${this.detail}; ${hint}`
  }
}

/**
 * Makes a fixture. Fixtures of one scope are released in reverse order, one after the other. `acquire` cannot be interrupted, so nothing is
 * lost between the two; `release` can, by its time limit alone. Options that make no sense are a defect, a `TypeError`.
 *
 * ```ts
 * import { Fixture } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const folder = Fixture.make(
 *   Effect.sync(() => mkdtempSync(join(tmpdir(), "test-"))),
 *   (path) => Effect.sync(() => rmSync(path, { recursive: true })),
 *   { name: "temporary folder", timeout: "1 second" }
 * )
 *
 * const test = Effect.gen(function* () {
 *   const { release, releases, state, value } = yield* folder
 *   rmSync(value, { recursive: true })
 *   yield* release
 *   yield* release
 *   return [state(), releases()]
 * })
 *
 * const [state, releases] = await Effect.runPromise(Effect.scoped(test))
 * if (state !== "gone" || releases !== 2) throw new Error("expected a folder that was gone, and two releases")
 * ```
 *
 * @category constructors
 */
export const make = <A, E, R, E2, R2>(
  acquire: Effect.Effect<A, E, R>,
  release: (value: A) => Effect.Effect<unknown, E2, R2>,
  options: Options = {}
): Effect.Effect<Fixture<A>, E, R | R2 | Scope.Scope> =>
  Effect.gen(function* () {
    const { name, timeout } = decode(options)
    const context = yield* Effect.context<R2>()
    return yield* Effect.acquireRelease(
      Effect.map(acquire, (value) =>
        hold(
          name,
          timeout,
          value,
          Effect.provideContext(
            Effect.suspend(() => release(value)),
            context
          )
        )
      ),
      (fixture) => Effect.orDie(fixture.release)
    )
  })

/**
 * Whether an error says that what was to be released is gone already: no such process, no such file, a server that does not run.
 *
 * @category predicates
 */
export const isGone = (error: unknown): boolean => {
  const code = Predicate.hasProperty(error, "code") ? error.code : undefined
  if (typeof code === "string" && GONE.has(code)) return true
  const reason = Predicate.hasProperty(error, "reason") ? error.reason : undefined
  return Predicate.isTagged(reason, "NotFound")
}

const GONE = new Set(["ESRCH", "ENOENT", "ECHILD", "ERR_SERVER_NOT_RUNNING", "ERR_STREAM_DESTROYED"])

const hold = <A, E>(
  name: string,
  timeout: number,
  value: A,
  release: Effect.Effect<unknown, E>
): Fixture<A> => {
  const done = Deferred.makeUnsafe<void>()
  let state: State = "held"
  let releases = 0

  const judge = (exit: Option.Option<Exit.Exit<unknown, E>>): Effect.Effect<void, ReleaseError> => {
    if (Option.isNone(exit)) {
      state = "failed"
      const detail = `not released after ${timeout} ms`
      return Effect.fail(new ReleaseError({ reason: "timeout", fixture: name, detail }))
    }
    if (Exit.isSuccess(exit.value)) {
      state = "released"
      return Effect.void
    }
    const { cause } = exit.value
    if (
      cause.reasons.every((reason) =>
        isGone(reason._tag === "Die" ? reason.defect : reason._tag === "Fail" ? reason.error : undefined)
      )
    ) {
      state = "gone"
      return Effect.void
    }
    state = "failed"
    const error = Cause.squash(cause)
    const detail = `its release failed: ${error instanceof Error ? error.message : String(error)}`
    return Effect.fail(new ReleaseError({ reason: "failed", fixture: name, detail, cause: error }))
  }

  const once = Effect.uninterruptible(
    Effect.suspend(() => {
      state = "releasing"
      return Effect.flatMap(RealTime.atMost(timeout, release), judge)
    })
  )

  return {
    [TypeId]: TypeId,
    value,
    release: Effect.suspend(() => {
      releases++
      return state === "held"
        ? Effect.onExit(once, () => Effect.sync(() => Deferred.doneUnsafe(done, Effect.void)))
        : Deferred.await(done)
    }),
    releases: () => releases,
    state: () => state
  }
}

const decodeOptions = Schema.decodeUnknownResult(
  Schema.Struct({
    name: Schema.NonEmptyString.pipe(Schema.withDecodingDefault(Effect.succeed("fixture"))),
    timeout: RealTime.Millis.pipe(Schema.withDecodingDefault(Effect.succeed(5_000)))
  }),
  { onExcessProperty: "error" }
)

const decode = (options: Options) =>
  Result.getOrThrowWith(decodeOptions(options), (error) => new TypeError(`Fixture.make: ${error.message}`))
