/** Time limits for what happens around a test: no test clock holds them up, since nobody advances one there. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** Runs an effect on the clock of the machine. */
export const live = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, Clock.Clock.defaultValue())

/**
 * How the effect ended, or nothing when it takes longer than these milliseconds. Then it is interrupted and not waited for, even if it
 * cannot be interrupted.
 */
export const atMost = <A, E, R>(
  milliseconds: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Option.Option<Exit.Exit<A, E>>, never, R> =>
  Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) =>
    Effect.tap(live(Effect.timeoutOption(Fiber.await(fiber), milliseconds)), (exit) =>
      Effect.sync(() => {
        if (Option.isNone(exit)) fiber.interruptUnsafe()
      })
    )
  )

const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" ||
  typeof u === "bigint" ||
  typeof u === "string" ||
  (typeof u === "object" && u !== null)

/** An option that is a duration, in milliseconds. */
export const Millis: Schema.Codec<number, Duration.Input> = Schema.declare(
  (u: unknown): u is Duration.Input =>
    isInput(u) &&
    Option.exists(
      Duration.fromInput(u),
      (duration) => Duration.isFinite(duration) && Duration.isPositive(duration)
    ),
  { expected: "a finite duration of more than zero" }
).pipe(
  Schema.decodeTo(
    Schema.Finite,
    SchemaTransformation.transform<number, Duration.Input>({
      decode: (input) => Duration.toMillis(input),
      encode: (millis) => millis
    })
  )
)

/** Decodes one such option of a constructor; what makes no sense is refused by name. */
export const millis = (constructor: string, option: string, value: Duration.Input): number =>
  Result.getOrThrowWith(
    decodeMillis(value),
    (error) => new TypeError(`${constructor}: ${option}: ${error.message}`)
  )

/** The same for a point in time, which may be zero. */
export const instant = (constructor: string, option: string, value: Duration.Input): number =>
  Option.match(Option.filter(Duration.fromInput(value), Duration.isFinite), {
    onSome: (duration) => Duration.toMillis(duration),
    onNone: () => {
      throw new TypeError(`${constructor}: ${option}: expected a finite duration`)
    }
  })

const decodeMillis = Schema.decodeUnknownResult(Millis)
