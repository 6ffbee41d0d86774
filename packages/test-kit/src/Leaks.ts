/**
 * What outlives a test: processes, their descendants, descriptors, timers, listeners, fibers and temporary files that were not there before,
 * each named with where it was made.
 *
 * While a check is active, it takes notes: it has hooks in the runtime, in `node:fs` and `node:events`, and in Effect's fibers, all of which
 * are gone when the last check ends; and temporary files go to a folder of its own, which is removed then.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Origin from "./internal/leaks/Origin.ts"
import type { Found } from "./internal/leaks/Watcher.ts"
import * as Watchers from "./internal/leaks/Watchers.ts"
import * as RealTime from "./internal/RealTime.ts"

/**
 * What can be left. `process`: a child, or one that comes from a child; `descriptor`: a file, a socket, a pipe that is open; `timer`: one
 * that holds the program; `listener`: on an emitter that was there before; `fiber`: one that has not ended; `file`: a temporary file.
 *
 * @category models
 */
export type Kind = "process" | "descriptor" | "timer" | "listener" | "fiber" | "file"

const KINDS: ReadonlyArray<Kind> = ["process", "descriptor", "timer", "listener", "fiber", "file"]

/**
 * Something that should not be there.
 *
 * @category models
 */
export interface Leak {
  readonly kind: Kind
  /** What it is: a command with its number, a path, the delay of a timer. */
  readonly what: string
  /** Where it was made, as lines of a stack, the innermost first; empty where the runtime does not tell. */
  readonly origin: ReadonlyArray<string>
  /** The number of the process. */
  readonly pid?: number
}

/**
 * What there was at a moment.
 *
 * @category models
 */
export interface Snapshot {
  readonly known: ReadonlyMap<Kind, ReadonlySet<string>>
}

/**
 * @category models
 */
export interface Options {
  /** How long what is just leaving is waited for, in real time. Default: 2 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** What is looked for. Default: everything. */
  readonly kinds?: ReadonlyArray<Kind> | undefined
}

const LeakedBase: new (args: { readonly leaks: ReadonlyArray<Leak> }) => Cause.YieldableError & {
  readonly _tag: "Leaked"
  readonly leaks: ReadonlyArray<Leak>
} = Data.TaggedError("Leaked")

/**
 * Something is left that was not there before. It is left as it is, but for temporary files.
 *
 * @category errors
 */
export class Leaked extends LeakedBase {
  override get message(): string {
    const { length } = this.leaks
    const lines = this.leaks.map(({ kind, origin, what }) => {
      const made = origin.length === 0 ? ["made where the runtime does not tell"] : origin
      return [`\n  ${kind}: ${what}`, ...made].join("\n    ")
    })
    return `${length} ${length === 1 ? "thing is" : "things are"} left; end what you start, in a scope${lines.join("")}`
  }
}

/**
 * Begins to watch, until the scope closes, and remembers what there is now.
 *
 * @category constructors
 */
export const snapshot: Effect.Effect<Snapshot, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(Effect.sync(Watchers.start), () => Effect.sync(Watchers.stop)),
  () => ({
    known: new Map(KINDS.map((kind) => [kind, new Set(Watchers.watchers[kind].list().map(({ key }) => key))]))
  })
)

/**
 * Waits until there is nothing but what the snapshot has; fails when something is left after the time limit.
 *
 * @category checks
 */
export const verify = (before: Snapshot, options: Options = {}): Effect.Effect<void, Leaked> =>
  Effect.withFiber((fiber) => {
    const { kinds, timeout } = decode(options)
    const left = (): ReadonlyArray<Leak> =>
      kinds.flatMap((kind) => {
        const known = before.known.get(kind)
        return Watchers.watchers[kind]
          .list()
          .filter(({ key }) => known?.has(key) !== true)
          .filter(({ key }) => kind !== "fiber" || key !== String(fiber.id))
          .map((found) => toLeak(kind, found))
          .filter(({ origin }) => !Origin.isRunners(origin))
      })
    const wait = (polls: number): Effect.Effect<void, Leaked> =>
      Effect.suspend(() => {
        const leaks = left()
        if (leaks.length === 0) return Effect.void
        if (polls <= 0) return Effect.fail(new Leaked({ leaks }))
        return Effect.andThen(Effect.sleep(POLL), Effect.andThen(settled, wait(polls - 1)))
      })
    return RealTime.live(Effect.andThen(settled, wait(Math.ceil(timeout / POLL))))
  })

/**
 * Runs the effect, and fails if it leaves something behind; its own failure is told as well. Run one at a time: what others make meanwhile
 * cannot be told apart.
 *
 * ```ts
 * import { Leaks } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import { spawn } from "node:child_process"
 *
 * const careless = Effect.sync(() => spawn("sleep", ["5"], { stdio: "ignore" }))
 * const error = await Effect.runPromise(Effect.flip(Leaks.check(careless, { timeout: "50 millis" })))
 * for (const { kind, pid, what } of error.leaks) {
 *   if (kind !== "process" || pid === undefined || !what.endsWith("sleep 5")) throw new Error(error.message)
 *   process.kill(pid)
 * }
 * ```
 *
 * @category checks
 */
export const check = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<A, E | Leaked, R> =>
  Effect.scopedWith((scope) =>
    Effect.flatMap(Scope.provide(snapshot, scope), (before) =>
      Effect.flatMap(Effect.exit(effect), (exit) =>
        Effect.flatMap(Effect.exit(verify(before, options)), (verdict) => {
          if (Exit.isSuccess(verdict)) return exit
          return Exit.failCause(
            Exit.isSuccess(exit) ? verdict.cause : Cause.combine(exit.cause, verdict.cause)
          )
        })
      )
    )
  )

/** A timer in whose callback we are has not ended; after a turn of the event loop it has. */
const settled = Effect.yieldNow

/** Time between two looks, in milliseconds. */
const POLL = 20

const toLeak = (kind: Kind, { origin, pid, what }: Found): Leak => ({
  kind,
  what,
  origin: origin(),
  ...(pid === undefined ? {} : { pid })
})

const decodeOptions = Schema.decodeUnknownResult(
  Schema.Struct({
    timeout: RealTime.Millis.pipe(Schema.withDecodingDefault(Effect.succeed(2_000))),
    kinds: Schema.Array(Schema.Literals(KINDS)).pipe(Schema.withDecodingDefault(Effect.succeed(KINDS)))
  }),
  { onExcessProperty: "error" }
)

const decode = (options: Options) =>
  Result.getOrThrowWith(decodeOptions(options), (error) => new TypeError(`Leaks.verify: ${error.message}`))
