/**
 * The processes of this machine, from `/proc` where there is one, else from `ps`; and which of them come from this process. Reading and
 * judging are apart: what is judged is plain data.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import * as Handles from "./Handles.ts"
import * as Origin from "./Origin.ts"
import type { Watcher } from "./Watcher.ts"

/**
 * Those that come from this one. On Linux orphans are found as well, by a marker in the environment that every process started while
 * somebody watches inherits. Elsewhere there is only `ps`, which finds children and their descendants, but not what was left by a parent
 * that is gone.
 */
export const processes: Watcher = {
  start: () => {
    const before = process.env[VARIABLE]
    process.env[VARIABLE] = mark()
    return () => {
      if (before === undefined) delete process.env[VARIABLE]
      else process.env[VARIABLE] = before
    }
  },
  list: () => {
    const all = list(`${VARIABLE}=${mark()}`)
    const parents = new Map(all.map(({ pid, ppid }) => [pid, ppid]))
    return descendants(all, process.pid).map(({ age, began, command, pid, ppid, state }) => ({
      key: `${pid} ${began}`,
      what: `pid ${pid}, parent ${ppid}, ${STATES.get(state.charAt(0)) ?? state}, ${(age / 1_000).toFixed(1)} s old: ${command}`,
      origin: originOf(pid, parents),
      pid
    }))
  }
}

/** Where it was started; for one that comes from a child, where the child was. */
const originOf = (pid: number, parents: ReadonlyMap<number, number>): Origin.Origin => {
  for (let one: number | undefined = pid; one !== undefined && one > 1; one = parents.get(one)) {
    const origin = Handles.originOf("pid", one)
    if (origin !== undefined) return origin
  }
  return Origin.unknown
}

const VARIABLE = "FIREWEED_LEAKS"

/** A process that is itself the child of one that looks for leaks has a value of its own. */
const mark = (): string => (marker ??= `${process.pid}-${crypto.randomUUID()}`)
let marker: string | undefined

const STATES = new Map([
  ["R", "runs"],
  ["S", "sleeps"],
  ["D", "waits for the disk"],
  ["T", "is stopped"],
  ["t", "is traced"],
  ["I", "idles"]
])

/** One process. */
export interface Process {
  readonly pid: number
  readonly ppid: number
  /** When it began, in any unit: tells it from a later one with the same number. */
  readonly began: string
  /** One letter: `R` runs, `S` sleeps, `T` is stopped, `Z` is dead and not yet taken note of. */
  readonly state: string
  /** In milliseconds. */
  readonly age: number
  /** What it was started with; its name if that cannot be read. */
  readonly command: string
  /** Whether it was given the marker in its environment. */
  readonly marked: boolean
}

/** All processes of the machine. Those that end while they are looked at are left out. */
export const list = (marker: string): ReadonlyArray<Process> => {
  const uptime = readText("/proc/uptime")
  return uptime === undefined ? fromPs() : fromProc(Number.parseFloat(uptime), marker)
}

/**
 * Those that come from the process `root`: its children, theirs, and the orphans that carry the marker. The dead are not among them: a
 * zombie holds nothing but its number, and its parent is the one to ask.
 */
export const descendants = (all: ReadonlyArray<Process>, root: number): ReadonlyArray<Process> => {
  const children = new Map<number, Array<Process>>()
  for (const one of all) {
    const siblings = children.get(one.ppid)
    if (siblings === undefined) children.set(one.ppid, [one])
    else siblings.push(one)
  }
  const found = new Set<Process>(all.filter((one) => one.marked && one.pid !== root))
  const visit = (pid: number): void => {
    for (const child of children.get(pid) ?? []) {
      if (child.pid === root) continue
      found.add(child)
      visit(child.pid)
    }
  }
  visit(root)
  return [...found].filter((one) => !one.state.startsWith("Z") && !one.state.startsWith("X"))
}

/** Ticks of the kernel's process times in a second: 100 on every Linux of today, whatever its timer. */
const TICKS = 100

const fromProc = (uptime: number, marker: string): ReadonlyArray<Process> =>
  readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readText(`/proc/${name}/stat`) : undefined
    if (stat === undefined) return []
    const parsed = parseStat(stat)
    if (parsed === undefined) return []
    const command = readText(`/proc/${name}/cmdline`)?.replaceAll("\0", " ").trim()
    const { name: fallback, ticks, ...rest } = parsed
    return [
      {
        ...rest,
        began: String(ticks),
        age: Math.max(0, Math.round((uptime - ticks / TICKS) * 1_000)),
        command: command === undefined || command === "" ? fallback : command,
        // The environment of another user's process cannot be read; no child of ours is one.
        marked: readText(`/proc/${name}/environ`)?.split("\0").includes(marker) ?? false
      }
    ]
  })

/** Reads `/proc/<pid>/stat`; the name of a program may hold spaces and brackets. */
export const parseStat = (
  stat: string
):
  | (Pick<Process, "pid" | "ppid" | "state"> & { readonly name: string; readonly ticks: number })
  | undefined => {
  const open = stat.indexOf("(")
  const close = stat.lastIndexOf(")")
  const fields = stat.slice(close + 2).split(" ")
  const [state, ppid] = fields
  const ticks = fields[19]
  if (open < 0 || state === undefined || ppid === undefined || ticks === undefined) return undefined
  return {
    pid: Number(stat.slice(0, open)),
    ppid: Number(ppid),
    state,
    ticks: Number(ticks),
    name: stat.slice(open + 1, close)
  }
}

const fromPs = (): ReadonlyArray<Process> =>
  parsePs(
    execFileSync("ps", ["-axo", "pid=,ppid=,stat=,etime=,lstart=,command="], { encoding: "utf8" })
  ).filter((one) => one.ppid !== process.pid || !one.command.startsWith("ps -axo "))

/** Reads what `ps -axo pid=,ppid=,stat=,etime=,lstart=,command=` prints. It tells of no environment, so nothing is marked. */
export const parsePs = (text: string): ReadonlyArray<Process> =>
  text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(line)
    if (match === null) return []
    const [, pid, ppid, state = "", elapsed = "", began = "", command = ""] = match
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        state,
        age: parseElapsed(elapsed),
        began,
        command,
        marked: false
      }
    ]
  })

/** `[[days-]hours:]minutes:seconds`, in milliseconds. */
const parseElapsed = (text: string): number => {
  const [days, clock] = text.includes("-") ? text.split("-") : ["0", text]
  const seconds = (clock ?? "").split(":").reduce((sum, part) => sum * 60 + Number(part), 0)
  return (Number(days) * 86_400 + seconds) * 1_000
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}
