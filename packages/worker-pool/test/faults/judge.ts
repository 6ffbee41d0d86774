/** Does what a fault says to a victim, and compares what comes of it, while a neighbour works on. */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import process from "node:process"
import { inspect, isDeepStrictEqual } from "node:util"
import { fixtures, folder, isRunning, record, until } from "../support.ts"
import type { ByVersion, Expected, Fault, Pattern, Reuse, StartFault } from "./Fault.ts"

/** What came of a fault. */
export interface Verdict {
  /** What the caller saw, in short. */
  readonly outcome: string
  readonly reuse: Reuse
}

/** Where faults are judged. */
export interface Court {
  /** Judges one that strikes a call. Several can be judged at once. Dies, and says what was wrong, when the verdict is not the expected one. */
  readonly judge: (fault: Fault) => Effect.Effect<Verdict>
  /** The same for one that strikes a start. */
  readonly judgeStart: (fault: StartFault) => Effect.Effect<Verdict>
  readonly neighbour: Neighbour
}

/** A worker that answers all the while. */
export interface Neighbour {
  readonly answered: () => number
  /** What it was asked, and did not answer right. */
  readonly failures: ReadonlyArray<string>
}

/** A court with so many victims, and the neighbour; these options are for all of them. */
export const make = (
  size: number,
  python: string,
  options: WorkerPool.Options = {}
): Effect.Effect<Court, CallError.StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const victim = pools({ python, ...options })
    const neighbour = yield* watchNeighbour(yield* victim({}))
    const victims = yield* Queue.unbounded<WorkerPool.WorkerPool>()
    yield* Effect.forEach(
      Array.from({ length: size }),
      () => Effect.flatMap(victim({}), (pool) => Queue.offer(victims, pool)),
      { concurrency: "unbounded", discard: true }
    )
    return {
      neighbour,
      judge: (fault) =>
        beside(
          neighbour,
          fault.pool === undefined
            ? Effect.acquireUseRelease(
                Queue.take(victims),
                (pool) => Effect.onError(judge(fault, pool), () => end(pool)),
                (pool) => Queue.offer(victims, pool)
              )
            : Effect.flatMap(Effect.orDie(victim(fault.pool)), (pool) => judge(fault, pool))
        ),
      judgeStart: (fault) => beside(neighbour, judgeStart(fault, python, victim))
    }
  })

/** Makes a pool of one worker. */
type Victim = (
  options: WorkerPool.Options
) => Effect.Effect<WorkerPool.WorkerPool, CallError.StartError, Scope.Scope>

const pools =
  (base: WorkerPool.Options): Victim =>
  (options) =>
    WorkerPool.make({
      ...base,
      size: 1,
      pythonPath: [fixtures],
      output: "ignore",
      queue: { timeout: "60 seconds" },
      cancelGrace: "2 seconds",
      ...options
    }).pipe(
      // What Python logs is told by events as well, and here it is much.
      Effect.provide(Logger.layer([]))
    )

// --- the neighbour

/** Calls that it must have answered by the time a fault is judged, since that fault struck. */
const BETWEEN = 5

const watchNeighbour = (pool: WorkerPool.WorkerPool): Effect.Effect<Neighbour, never, Scope.Scope> =>
  Effect.gen(function* () {
    const failures: Array<string> = []
    let answered = 0
    const ask = Effect.suspend(() => {
      const number = answered + failures.length
      return Effect.map(Effect.result(pool.call("operator:mul", [number, 3])), (result) => {
        if (Result.isSuccess(result) && result.success === number * 3) answered++
        else failures.push(`${number}: ${inspect(result)}`)
      })
    })
    // Some, then a pause: it shares the machine with those it watches.
    const round = Effect.andThen(Effect.repeat(ask, { times: 9 }), Effect.sleep("5 millis"))
    yield* Effect.forkScoped(Effect.forever(round))
    return { answered: () => answered, failures }
  })

const beside = <A>(neighbour: Neighbour, effect: Effect.Effect<A, never, Scope.Scope>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const before = neighbour.answered()
    return Effect.tap(Effect.scoped(effect), () =>
      until("the neighbour", () => neighbour.answered() >= before + BETWEEN || neighbour.failures.length > 0)
    )
  })

// --- the victim

const judge = (fault: Fault, pool: WorkerPool.WorkerPool): Effect.Effect<Verdict, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { gone, logged } = fault
    const events = gone === undefined && logged === undefined ? [] : yield* record(pool)
    const before = yield* probe(pool)
    const minor = yield* minorOf(pool)
    const result = yield* Effect.result(Effect.scoped(fault.act(pool)))
    check(fault.name, result, of(fault.expected, minor))
    const after = yield* probe(pool)
    const expected = of(fault.reuse, minor)
    const reuse = after !== before ? "replaced" : expected === "dirty" ? "dirty" : "reused"
    if (reuse !== expected) fail(fault.name, `the worker was ${reuse}, and not ${expected}`)
    if (logged !== undefined) {
      yield* until(`${fault.name}: ${String(logged)}`, () =>
        events.some((event) => event._tag === "Log" && logged.test(`${event.logger}: ${event.message}`))
      )
    }
    if (gone !== undefined) {
      yield* until(`${fault.name}: ${String(gone)}`, () =>
        events.some((event) => event._tag === "WorkerGone" && gone.test(event.detail))
      )
    }
    if (fault.left !== undefined) yield* confesses(pool, fault.name, fault.left)
    if (reuse === "dirty" || fault.spent === true) yield* end(pool)
    return { outcome: outcomeOf(result), reuse }
  })

// The worker may be dying of what was done to it: then its successor answers.
const Probe = { result: Schema.Tuple([Schema.Int, Schema.Int]), idempotent: true }
let probes = 0

/** The process that answers, which must answer right. */
const probe = (pool: WorkerPool.WorkerPool): Effect.Effect<number> =>
  Effect.suspend(() => {
    const number = ++probes
    const call = Effect.retry(pool.call("faults:probe", [number], Probe), {
      schedule: Schedule.spaced("50 millis"),
      // After a row of deaths starts are held back for a while.
      while: ({ _tag }) => _tag === "PoolUnavailable"
    })
    return Effect.map(Effect.orDie(call), ([pid, square]) => {
      if (square !== number * number) fail("probe", `${number} squared is not ${square}`)
      return pid
    })
  })

/** Waits until the worker says what was left behind: it does so after a call, and not after each. */
const confesses = (
  pool: WorkerPool.WorkerPool,
  name: string,
  left: ReadonlyArray<string>
): Effect.Effect<void> => {
  let dirty: ReadonlyArray<string> = []
  const look = Effect.map(Effect.andThen(probe(pool), pool.snapshot), ({ workers }) => {
    dirty = workers[0]?.dirty ?? []
    return left.every((one) => dirty.includes(one))
  })
  return look.pipe(
    Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (told) => told }),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () =>
        Effect.sync(() => fail(name, `left behind are ${left.join()}, and told is ${dirty.join()}`))
    })
  )
}

/** Ends the worker, which is not used again. */
const end = (pool: WorkerPool.WorkerPool): Effect.Effect<void> =>
  Effect.flatMap(pool.snapshot, ({ workers }) => {
    const pids = workers.flatMap(({ pid }) => pid ?? []).filter(isRunning)
    for (const pid of pids) process.kill(pid, "SIGKILL")
    return until("the end of a worker that is not used again", () => !pids.some(isRunning))
  })

const minorOf = (pool: WorkerPool.WorkerPool): Effect.Effect<number> =>
  Effect.map(pool.snapshot, ({ workers }) => Number(workers[0]?.python.split(".")[1] ?? 0))

const of = <A>(given: ByVersion<A>, minor: number): A =>
  typeof given === "object" && given !== null && "by" in given ? given.by(minor) : given

// --- starts

const judgeStart = (
  fault: StartFault,
  python: string,
  victim: Victim
): Effect.Effect<Verdict, never, Scope.Scope> =>
  Effect.gen(function* () {
    const options = fault.options(python, yield* folder)
    const result = yield* Effect.result(
      Effect.scoped(Effect.flatMap(victim(options), (pool) => Effect.orDie(pool.call("math:sqrt", [16]))))
    )
    check(
      fault.name,
      result,
      fault.error === undefined ? { _tag: "Value", is: 4 } : { _tag: "Error", like: fault.error }
    )
    return { outcome: outcomeOf(result), reuse: Result.isSuccess(result) ? "reused" : "replaced" }
  })

// --- what was expected

const check = (name: string, result: Result.Result<unknown, unknown>, expected: Expected): void => {
  if (!meets(result, expected)) {
    const seen = Result.isSuccess(result) ? result.success : result.failure
    fail(name, `expected ${show(expected)}, and got ${show(seen)}`)
  }
}

const show = (what: unknown): string => inspect(what, { depth: 8, maxStringLength: 2_000 })

const meets = (result: Result.Result<unknown, unknown>, expected: Expected): boolean => {
  switch (expected._tag) {
    case "Value":
      return Result.isSuccess(result) && isLike(result.success, expected.is)
    case "Error":
      return Result.isFailure(result) && isLike(result.failure, expected.like)
    case "Either":
      return expected.of.some((one) => meets(result, one))
  }
}

const isLike = (actual: unknown, pattern: Pattern): boolean => {
  if (pattern instanceof RegExp) return typeof actual === "string" && pattern.test(actual)
  if (typeof pattern === "function") return pattern(actual) === true
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(actual) &&
      actual.length === pattern.length &&
      pattern.every((one, index) => isLike(actual[index], one))
    )
  }
  if (isPlain(pattern)) {
    if (typeof actual !== "object" || actual === null) return false
    return Object.entries(pattern).every(([key, one]) => isLike(Reflect.get(actual, key), one))
  }
  return isDeepStrictEqual(actual, pattern)
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const fail = (name: string, message: string): never => {
  throw new Error(`${name}: ${message}`)
}

const outcomeOf = (result: Result.Result<unknown, unknown>): string => {
  if (Result.isSuccess(result)) return "value"
  const { failure } = result
  if (typeof failure !== "object" || failure === null) return String(failure)
  return ["_tag", "reason"].map((key) => String(Reflect.get(failure, key))).join(" ")
}
