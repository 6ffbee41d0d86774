/**
 * Processes that outlive a test: whatever it started and did not end is found, with its descendants, and named.
 *
 * On Linux orphans are found as well, by a marker in the environment that every process started after the first snapshot inherits. Elsewhere
 * there is only `ps`, which finds children and their descendants, but not what was left by a parent that is gone.
 */
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Processes from "./internal/Processes.ts"
import * as RealTime from "./internal/RealTime.ts"

/**
 * The processes that come from this one, at a moment.
 *
 * @category models
 */
export interface Snapshot {
  readonly processes: ReadonlyArray<LeakedProcess>
}

/**
 * A process that should not be there.
 *
 * @category models
 */
export interface LeakedProcess {
  readonly pid: number
  /** Its parent; 1, or another that collects orphans, when that is gone. */
  readonly ppid: number
  /** What it was started with. */
  readonly command: string
  /** In milliseconds. */
  readonly age: number
  /** As `ps` names it: `R` runs, `S` sleeps, `T` is stopped. */
  readonly state: string
  /** When it began, in a unit of the system's: tells it from another with the same number. */
  readonly began: string
}

/**
 * @category models
 */
export interface Options {
  /** How long processes that are just leaving are waited for, in real time. Default: 2 seconds. */
  readonly timeout?: Duration.Input | undefined
}

const LeakedProcessesBase: new (args: {
  readonly processes: ReadonlyArray<LeakedProcess>
}) => Cause.YieldableError & {
  readonly _tag: "LeakedProcesses"
  readonly processes: ReadonlyArray<LeakedProcess>
} = Data.TaggedError("LeakedProcesses")

/**
 * Processes are left that were not there before. They are not killed.
 *
 * @category errors
 */
export class LeakedProcesses extends LeakedProcessesBase {
  override get message(): string {
    const { length } = this.processes
    const lines = this.processes.map(
      ({ age, command, pid, ppid, state }) =>
        `\n  pid ${pid}, parent ${ppid}, ${states.get(state.charAt(0)) ?? state}, ${(age / 1_000).toFixed(1)} s old: ${command}`
    )
    return `${length} ${length === 1 ? "process is" : "processes are"} left; end what you start, in a scope${lines.join("")}`
  }
}

/**
 * The processes that come from this one now. The first snapshot puts the marker `FIREWEED_LEAKS` in this process's environment.
 *
 * @category constructors
 */
export const snapshot: Effect.Effect<Snapshot> = Effect.sync(() => {
  const marker = mark()
  return { processes: Processes.descendants(Processes.list(marker), process.pid) }
})

/**
 * Waits until there is no process but those of the snapshot; fails when some are left after the time limit.
 *
 * @category checks
 */
export const verify = (before: Snapshot, options: Options = {}): Effect.Effect<void, LeakedProcesses> =>
  Effect.suspend(() => {
    const { timeout } = decode(options)
    const known = new Set(before.processes.map(identity))
    const left = Effect.map(snapshot, ({ processes }) => processes.filter((one) => !known.has(identity(one))))
    const wait = (polls: number): Effect.Effect<void, LeakedProcesses> =>
      Effect.flatMap(left, (processes) => {
        if (processes.length === 0) return Effect.void
        if (polls <= 0) return Effect.fail(new LeakedProcesses({ processes }))
        return Effect.andThen(Effect.sleep(POLL), wait(polls - 1))
      })
    return RealTime.live(wait(Math.ceil(timeout / POLL)))
  })

/**
 * Runs the effect, and fails if it leaves a process behind; its own failure is told as well. Run one at a time: what others start
 * meanwhile cannot be told apart.
 *
 * ```ts
 * import { Leaks } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import { spawn } from "node:child_process"
 *
 * const careless = Effect.sync(() => spawn("sleep", ["5"]))
 * const error = await Effect.runPromise(Effect.flip(Leaks.check(careless, { timeout: "50 millis" })))
 * for (const { command, pid } of error.processes) {
 *   if (!command.endsWith("sleep 5")) throw new Error("expected the process that was left")
 *   process.kill(pid)
 * }
 * ```
 *
 * @category checks
 */
export const check = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<A, E | LeakedProcesses, R> =>
  Effect.flatMap(snapshot, (before) =>
    Effect.flatMap(Effect.exit(effect), (exit) =>
      Effect.flatMap(Effect.exit(verify(before, options)), (verdict) => {
        if (Exit.isSuccess(verdict)) return exit
        return Exit.failCause(Exit.isSuccess(exit) ? verdict.cause : Cause.combine(exit.cause, verdict.cause))
      })
    )
  )

/** Time between two looks, in milliseconds. */
const POLL = 20

const VARIABLE = "FIREWEED_LEAKS"
let value: string | undefined

/** `NAME=value`. A process that is itself the child of one that looks for leaks has a value of its own. */
const mark = (): string => {
  value ??= `${process.pid}-${crypto.randomUUID()}`
  process.env[VARIABLE] = value
  return `${VARIABLE}=${value}`
}

const identity = ({ began, pid }: LeakedProcess): string => `${pid} ${began}`

const states = new Map([
  ["R", "runs"],
  ["S", "sleeps"],
  ["D", "waits for the disk"],
  ["T", "is stopped"],
  ["t", "is traced"],
  ["I", "idles"]
])

const decodeOptions = Schema.decodeUnknownResult(
  Schema.Struct({ timeout: RealTime.Millis.pipe(Schema.withDecodingDefault(Effect.succeed(2_000))) }),
  { onExcessProperty: "error" }
)

const decode = (options: Options) =>
  Result.getOrThrowWith(decodeOptions(options), (error) => new TypeError(`Leaks.verify: ${error.message}`))
