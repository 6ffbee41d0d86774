/**
 * Chaos with a judge: a plan of faults strikes a pool, of mock or of real workers, while it is under load; whatever happens, each call
 * has to end once, with a result or a typed error, sessions have to keep what they promise, and the pool has to be whole again in time.
 *
 * ```ts
 * import { Faults } from "@fireweed/test-kit"
 * import { Chaos, MockWorker } from "@fireweed/test-kit/workers"
 * import * as Effect from "effect/Effect"
 *
 * const report = await Effect.runPromise(
 *   Chaos.run({
 *     plan: { seed: 7, rules: [{ at: "send:CALL", fault: Faults.kill, when: { chance: 0.2 } }] },
 *     connect: MockWorker.connect({ "app:echo": (x: number) => x }),
 *     pool: { size: 2, crashLoop: { deaths: 1_000 } },
 *     calls: 50,
 *     load: (pool, index) => pool.call("app:echo", [index], { idempotent: true })
 *   })
 * )
 * if (report.strikes.length === 0) throw new Error("expected some to be struck")
 * ```
 */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Faults from "../Faults.ts"
import * as FaultyTransport from "./FaultyTransport.ts"

/**
 * @category models
 */
export interface Options {
  /** What strikes; the points are those of `FaultyTransport`. It ends with the load, so that the pool can heal. */
  readonly plan: Faults.Plan
  /** The workers, mock or real. */
  readonly connect: Transport.Connect
  /** Options of the pool. */
  readonly pool?: Omit<WorkerPool.Options, "connect"> | undefined
  /** How many times the load is run. */
  readonly calls: number
  /** How many at once. Default: 8. */
  readonly concurrency?: number | undefined
  /** One piece of the load, by its number from 0: a call, a stream, a session; it fails only as calls do. */
  readonly load: (pool: WorkerPool.WorkerPool, index: number) => Effect.Effect<unknown, CallError.CallError>
  /** Longest piece of the load. Default: 1 minute. */
  readonly endsWithin?: Duration.Input | undefined
  /** How soon after the load all workers are ready, and none busy. Default: 1 minute. */
  readonly wholeWithin?: Duration.Input | undefined
}

/**
 * What came of it.
 *
 * @category models
 */
export interface Report {
  /** What happened, in order and with its time in milliseconds: strikes, events of the pool, and the end of each piece of the load. */
  readonly order: ReadonlyArray<string>
  readonly strikes: ReadonlyArray<Faults.Strike>
  /** How many pieces of the load ended so: `ok`, or the tag of the error. */
  readonly ends: { readonly [end: string]: number }
  /** Milliseconds from the end of the load until the pool was whole. */
  readonly wholeAfter: number
}

const InvariantBrokenBase: new (args: {
  readonly broken: ReadonlyArray<string>
  readonly order: ReadonlyArray<string>
}) => Cause.YieldableError & {
  readonly _tag: "InvariantBroken"
  readonly broken: ReadonlyArray<string>
  readonly order: ReadonlyArray<string>
} = Data.TaggedError("InvariantBroken")

/**
 * A promise was not kept: which ones, and what happened before. The same plan with the same seed shows it again.
 *
 * @category errors
 */
export class InvariantBroken extends InvariantBrokenBase {
  override get message(): string {
    return `${this.broken.join("; ")}\n  ${this.order.slice(-40).join("\n  ")}`
  }
}

/**
 * Runs the load while the plan strikes, and judges. Fails with {@link InvariantBroken} if a promise was not kept, and as the pool does when
 * no worker starts at all.
 *
 * @category combinators
 */
export const run = (options: Options): Effect.Effect<Report, InvariantBroken | CallError.StartError> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const began = clock.currentTimeMillisUnsafe()
    const order: Array<string> = []
    const ends: Record<string, number> = {}
    const broken: Array<string> = []
    const note = (what: string): void =>
      void order.push(`${Math.round(clock.currentTimeMillisUnsafe() - began)} ms: ${what}`)

    const faults = yield* Faults.make(options.plan)
    const noted: Faults.Faults = {
      ...faults,
      passUnsafe: (point) => {
        const fault = faults.passUnsafe(point)
        if (fault !== undefined) note(`${fault._tag} at ${point}`)
        return fault
      }
    }
    const pool = yield* WorkerPool.make({
      ...options.pool,
      connect: FaultyTransport.around(noted, options.connect)
    })
    yield* Effect.forkScoped(
      Stream.runForEach(pool.events, (event) => Effect.sync(() => note(nameOf(event)))),
      { startImmediately: true }
    )
    const full = (yield* pool.snapshot).workers.length

    const piece = (index: number): Effect.Effect<void> => {
      let endings = 0
      const ended = (how: string): void => {
        note(`${index} ${how}`)
        ends[how] = (ends[how] ?? 0) + 1
        if (++endings > 1) broken.push(`${index} ended ${endings} times`)
      }
      return options.load(pool, index).pipe(
        Effect.timeoutOption(options.endsWithin ?? "1 minute"),
        Effect.exit,
        Effect.map((exit) => {
          if (Exit.isFailure(exit)) {
            const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
            if (error === undefined) broken.push(`${index} died: ${Cause.pretty(exit.cause)}`)
            return ended(error?._tag ?? "died")
          }
          if (Option.isNone(exit.value)) broken.push(`${index} did not end in time`)
          return ended(Option.isNone(exit.value) ? "did not end" : "ok")
        })
      )
    }

    yield* Effect.forEach(
      Array.from({ length: options.calls }, (_, index) => index),
      piece,
      {
        concurrency: options.concurrency ?? 8,
        discard: true
      }
    )
    yield* faults.end

    const over = clock.currentTimeMillisUnsafe()
    const asked = options.pool?.size ?? 0
    const size = Math.max(full, typeof asked === "number" ? asked : (asked.min ?? 1))
    const whole = yield* isWhole(pool, size).pipe(
      Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (yes) => yes }),
      Effect.timeoutOption(options.wholeWithin ?? "1 minute")
    )
    if (Option.isNone(whole))
      broken.push(`the pool is not whole again: ${JSON.stringify(yield* pool.snapshot)}`)
    if (broken.length > 0) return yield* new InvariantBroken({ broken, order })
    return { order, strikes: faults.strikes, ends, wholeAfter: clock.currentTimeMillisUnsafe() - over }
    // What the pool leaves to chance, such as when it tries again, is the seed's, too.
  }).pipe(Effect.scoped, Random.withSeed(options.plan.seed ?? 0))

/**
 * A piece of load that holds a session to its word: its object counts, so each answer of `method` with the argument 1 is one more than the
 * one before, and once it is lost it never answers again. Dies if that is not so; fails as the session does.
 *
 * @category load
 */
export const countingSession = (
  pool: WorkerPool.WorkerPool,
  options: { readonly key: string; readonly target: string; readonly method: string; readonly calls: number }
): Effect.Effect<void, CallError.CallError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const session = yield* pool.session(options.key, options.target)
      const first = yield* session.call(options.method, [1])
      if (typeof first !== "number")
        return yield* Effect.die(new TypeError(`${options.target} does not count: ${String(first)}`))
      for (let turn = 1; turn < options.calls; turn++) {
        const next = yield* Effect.exit(session.call(options.method, [1]))
        if (Exit.isFailure(next)) {
          const after = yield* Effect.exit(session.call(options.method, [1]))
          const isLost = Option.exists(
            Exit.isFailure(after) ? Cause.findErrorOption(after.cause) : Option.none(),
            ({ _tag }) => _tag === "SessionError"
          )
          const wasLost = Option.exists(Cause.findErrorOption(next.cause), ({ _tag }) =>
            ["SessionError", "WorkerLost"].includes(_tag)
          )
          if (wasLost && !isLost)
            return yield* Effect.die(new Error(`session ${options.key} answers after it was lost`))
          return yield* next
        }
        if (next.value !== first + turn)
          return yield* Effect.die(
            new Error(`session ${options.key} forgot: ${String(next.value)} after ${first + turn - 1}`)
          )
      }
    })
  )

/**
 * A piece of load that holds a session with snapshots to its word: its object counts, and no update that was acknowledged is ever lost, whatever
 * becomes of its worker; one that may have run is there once or not at all. Dies if that is not so; calls that fail do not end it, and it
 * fails only when the session is lost.
 *
 * @category load
 */
export const survivingSession = (
  pool: WorkerPool.WorkerPool,
  options: {
    readonly key: string
    readonly target: string
    readonly method: string
    readonly calls: number
    /** Whether its calls may run twice. Default: false. */
    readonly idempotent?: boolean | undefined
  }
): Effect.Effect<void, CallError.CallError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { calls, idempotent = false, key, method, target } = options
      const session = yield* pool.session(key, target, [], { snapshots: {} })
      // What its object may have counted: as much as was acknowledged, and what may have run.
      let least = 0
      let most = 0
      for (let turn = 0; turn < calls; turn++) {
        const next = yield* Effect.exit(session.call(method, [1], { idempotent }))
        // Each attempt of one that may run twice may have counted.
        const attempts = idempotent ? 5 : 1
        if (Exit.isSuccess(next)) {
          const count = Number(next.value)
          if (!(count > least && count <= most + attempts))
            return yield* Effect.die(
              new Error(`session ${key} has ${String(next.value)}, not ${least + 1} to ${most + attempts}`)
            )
          least = count
          most = count
          continue
        }
        const error = Option.getOrUndefined(Cause.findErrorOption(next.cause))
        if (error === undefined || (error._tag === "SessionError" && error.reason === "lost"))
          return yield* next
        if (error.started !== "no") most += attempts
      }
    })
  )

const isWhole = (pool: WorkerPool.WorkerPool, size: number): Effect.Effect<boolean> =>
  Effect.map(
    pool.snapshot,
    ({ queued, running, workers }) =>
      workers.length >= size &&
      queued === 0 &&
      running === 0 &&
      workers.every(({ state }) => state === "ready")
  )

const nameOf = (event: {
  readonly _tag: string
  readonly worker?: string | undefined
  readonly to?: string
}): string => [event.worker, event._tag, event.to].filter((part) => part !== undefined).join(" ")
