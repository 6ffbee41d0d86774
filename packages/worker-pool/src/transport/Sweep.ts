/**
 * Leftover processes: what a pool started carries a mark in its environment, which all its descendants inherit, those too that left
 * their process group. By it they are found when their pool closes, and, when their program was killed, by the next program that starts a pool.
 *
 * A mark is `FIREWEED_POOL=<pid>:<start>:<namespaces>:<nonce>`: the program's process id and start time, which no other process shares, the
 * process and time namespaces in which these mean something, and the pool. Linux only; elsewhere there is no mark and nothing is swept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs"
import process from "node:process"

/** Name of the variable. */
export const VARIABLE = "FIREWEED_POOL"

/** Whose a process is. */
export interface Mark {
  readonly pid: number
  /** Start of that process, in clock ticks since the machine's. */
  readonly start: string
  /** Where the two above mean something. */
  readonly namespaces: string
  /** Which of its pools. */
  readonly nonce: string
}

/** What `/proc/<pid>/stat` says of a process. */
export interface Stat {
  /** `Z` for one that has ended and waits for its parent. */
  readonly state: string
  readonly group: number
  readonly start: string
}

/** The processes of a machine. What cannot be read is `undefined`. */
export interface Processes {
  /** All process ids, this one's excepted. */
  readonly pids: () => ReadonlyArray<number>
  /** The environment it was started with; `undefined` for one of another user, too. */
  readonly environment: (pid: number) => string | undefined
  readonly stat: (pid: number) => Stat | undefined
  /** Whether there is one of that number, whoever's it is. */
  readonly exists: (pid: number) => boolean
  /** Sends SIGKILL; to a process group if the number is negative. */
  readonly kill: (pid: number) => void
}

/** The mark in a text, if it is one. */
export const parseMark = (text: string): Mark | undefined => {
  const [, pid, start, namespaces, nonce] = /^(\d+):(\d+):([\d.]+):([\w-]+)$/.exec(text) ?? []
  if (pid === undefined || start === undefined || namespaces === undefined || nonce === undefined)
    return undefined
  return { pid: Number(pid), start, namespaces, nonce }
}

/** The text of a mark. */
export const formatMark = ({ namespaces, nonce, pid, start }: Mark): string =>
  `${pid}:${start}:${namespaces}:${nonce}`

/** The mark in an environment, as `/proc/<pid>/environ` has it. */
export const markIn = (environment: string): Mark | undefined => {
  const entry = environment.split("\0").find((each) => each.startsWith(`${VARIABLE}=`))
  return entry === undefined ? undefined : parseMark(entry.slice(VARIABLE.length + 1))
}

/** The fields of `/proc/<pid>/stat`; the second, a name in brackets, may hold anything. */
export const parseStat = (text: string): Stat | undefined => {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state, , group] = fields
  const start = fields[19]
  return state === undefined || group === undefined || start === undefined
    ? undefined
    : { state, group: Number(group), start }
}

/** Whether the process that a mark names has ended. When in doubt, no. */
export const isOrphaned = (mark: Mark, own: Mark, processes: Processes): boolean => {
  if (mark.namespaces !== own.namespaces) return false
  if (!processes.exists(mark.pid)) return true
  const stat = processes.stat(mark.pid)
  return stat !== undefined && (stat.start !== mark.start || stat.state === "Z")
}

/**
 * Kills the processes whose mark is chosen, and the process groups they lead, within a time limit in milliseconds; returns their numbers. One
 * whose number went to another process meanwhile is left alone.
 */
export const killMarked = (
  processes: Processes,
  chosen: (mark: Mark) => boolean,
  now: () => number,
  limit: number
): ReadonlyArray<number> => {
  const until = now() + limit
  const killed: Array<number> = []
  for (const pid of processes.pids()) {
    if (now() > until) break
    const isChosen = (): boolean => {
      const mark = markIn(processes.environment(pid) ?? "")
      return mark !== undefined && chosen(mark)
    }
    if (!isChosen()) continue
    const leads = processes.stat(pid)?.group === pid
    if (!isChosen()) continue
    if (leads) processes.kill(-pid)
    processes.kill(pid)
    killed.push(pid)
  }
  return killed
}

/** How long the processes of a machine may be looked at, in milliseconds: 100 of them take about 2. */
const LIMIT = 250
/** How often it is looked again for what a killed process had just started. */
const ROUNDS = 10

const NO_VARIABLES: { readonly [name: string]: string } = {}

let swept = false

/**
 * Gives the environment that marks what a pool starts. At the end of the scope all that carries the mark is killed.
 *
 * With `sweep`, the first pool of a program also kills what programs that are gone have left behind. Only processes of this user and of
 * these namespaces are ever touched, and none with the mark that this program itself carries.
 */
export const mark = (
  sweep: boolean
): Effect.Effect<{ readonly [name: string]: string }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const own = self()
    if (own === undefined) return NO_VARIABLES
    const now = yield* milliseconds
    const inherited = process.env[VARIABLE]
    if (sweep && !swept) {
      swept = true
      yield* told(
        killMarked(
          system,
          (other) => formatMark(other) !== inherited && isOrphaned(other, own, system),
          now,
          LIMIT
        ),
        "a program that is gone left behind"
      )
    }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        for (let round = 0; round < ROUNDS; round++) {
          const killed = killMarked(system, (other) => other.nonce === own.nonce, now, LIMIT)
          if (killed.length === 0) return
          yield* told(killed, "left the process group of a worker")
          yield* Effect.sleep(5)
        }
      })
    )
    return { [VARIABLE]: formatMark(own) }
  })

const milliseconds = Effect.map(Clock.Clock, (clock) => () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const told = (pids: ReadonlyArray<number>, how: string): Effect.Effect<void> =>
  pids.length === 0
    ? Effect.void
    : Effect.logWarning(
        `ended ${pids.length === 1 ? "a process" : `${pids.length} processes`} that ${how}: ${pids.join(", ")}`
      )

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** A new mark of this process, where there can be one. */
const self = (): Mark | undefined => {
  const stat = system.stat(process.pid)
  const namespaces = ["pid", "time"].map((kind) => attempt(() => readlinkSync(`/proc/self/ns/${kind}`)))
  // Where a /proc is not of this process's namespace, its number means somebody else.
  if (stat === undefined || attempt(() => readlinkSync("/proc/self")) !== String(process.pid))
    return undefined
  return {
    pid: process.pid,
    start: stat.start,
    namespaces: namespaces.map((link) => /\d+/.exec(link ?? "")?.[0] ?? "0").join("."),
    nonce: crypto.randomUUID()
  }
}

const ownerOf = (path: string): number => statSync(path).uid

const system: Processes = {
  pids: () =>
    (attempt(() => readdirSync("/proc")) ?? [])
      .filter((name) => /^[1-9]\d*$/.test(name) && name !== String(process.pid))
      .map(Number),
  environment: (pid) =>
    attempt(() =>
      ownerOf(`/proc/${pid}`) === ownerOf("/proc/self")
        ? readFileSync(`/proc/${pid}/environ`, "latin1")
        : undefined
    ),
  stat: (pid) => attempt(() => parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"))),
  exists: (pid) => {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return !(error instanceof Error && "code" in error && error.code === "ESRCH")
    }
  },
  kill: (pid) => {
    // 1 and -1 mean the first process, and everybody.
    if (Math.abs(pid) > 1 && -pid !== system.stat(process.pid)?.group)
      attempt(() => process.kill(pid, "SIGKILL"))
  }
}
