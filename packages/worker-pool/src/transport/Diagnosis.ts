/**
 * Why a worker hangs: what was seen of its process from outside, and whether it still answers, come to one verdict; and the line of user
 * code that it is stuck at is found in its stacks.
 */
import type { Diagnosis } from "../CallError.ts"

/** What was seen of a process from outside, in two looks a moment apart. */
export interface Symptoms {
  /** `stopped` by a signal, `running` on a processor or ready to, `waiting` for something; `unknown` where nobody can look. */
  readonly process: "stopped" | "running" | "waiting" | "unknown"
  /** The stacks of its threads, as `faulthandler` writes them; empty when there are none. */
  readonly stacks: string
}

/** What `/proc/<pid>/stat` says of a process. */
export interface Look {
  /** One letter, such as `R`. */
  readonly state: string
  /** Time on a processor so far, all threads together, in ticks of 10 ms. */
  readonly ticks: number
}

/** Symptoms of a process that nobody can look at. */
export const UNSEEN: Symptoms = { process: "unknown", stacks: "" }

/** The verdict. A worker that `answers` has its interpreter: then it is user code that goes on. */
export const judge = ({ process, stacks }: Symptoms, answers: boolean): Diagnosis => {
  const line = userLine(stacks)
  return { state: stateOf(process, answers), stack: stacks, ...(line === undefined ? {} : { line }) }
}

/** The verdict in words, to follow the name of a worker. */
export const describe = ({ line, state }: Diagnosis): string =>
  `${WORDS[state]}${line === undefined ? "" : `, stuck at ${line}`}`

/** Reads `/proc/<pid>/stat`; `undefined` if it is something else. */
export const readStat = (text: string): Look | undefined => {
  // The name of the program comes before, in brackets, and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state] = fields
  const ticks = Number(fields[11]) + Number(fields[12])
  return state === undefined || Number.isNaN(ticks) ? undefined : { state, ticks }
}

/** What two looks at a process come to. */
export const compare = (before: Look | undefined, after: Look | undefined): Symptoms["process"] => {
  if (before === undefined || after === undefined) return "unknown"
  if (isStopped(after)) return "stopped"
  // Writing its stacks, which it is asked for between the looks, may have cost it a tick, or may still wait for a processor.
  return after.ticks > before.ticks + 1 || before.state === "R" ? "running" : "waiting"
}

/** Whether a signal or a debugger stopped it. */
export const isStopped = ({ state }: Look): boolean => state === "T" || state === "t"

/** `file:line in function` of the innermost frame of user code in the main thread; of a library, if there is no other. */
export const userLine = (stacks: string): string | undefined => {
  const main = stacks
    .split(/^(?=Thread |Current thread )/m)
    .map(framesOf)
    .find((frames) => {
      const own = frames.filter(({ file }) => isRuntime(file))
      return own.length > 0 && !own.some(({ name }) => HELPERS.has(name))
    })
  // What is older than the runtime is what started it.
  const above =
    main?.slice(
      0,
      main.findLastIndex(({ file }) => isRuntime(file))
    ) ?? []
  const frames = above.filter(({ file }) => !isRuntime(file))
  const frame = frames.find(({ file }) => !isLibrary(file)) ?? frames[0]
  return frame === undefined ? undefined : `${frame.file}:${frame.line} in ${frame.name}`
}

interface StackFrame {
  readonly file: string
  readonly line: string
  readonly name: string
}

const WORDS: Record<Diagnosis["state"], string> = {
  stopped: "its process is stopped by a signal",
  "gil-held": "native code computes and holds the interpreter's lock",
  blocked: "native code waits and holds the interpreter's lock",
  "ignores-cancellation": "it goes on although it was cancelled",
  unknown: "it does not answer"
}

const stateOf = (process: Symptoms["process"], answers: boolean): Diagnosis["state"] => {
  if (process === "stopped") return "stopped"
  if (answers) return "ignores-cancellation"
  return process === "running" ? "gil-held" : process === "waiting" ? "blocked" : "unknown"
}

/** What the runtime's other threads run. */
const HELPERS = new Set(["_read", "_run", "_insist"])

const framesOf = (thread: string): ReadonlyArray<StackFrame> =>
  [...thread.matchAll(/^ {2}File "(.*)", line (\d+) in (.*)$/gm)].map(
    ([, file = "", line = "", name = ""]) => ({
      file,
      line,
      name
    })
  )

const isRuntime = (file: string): boolean => /(?:^|[\\/<])fireweed[\\/]_\w+\.py/.test(file)

const isLibrary = (file: string): boolean =>
  file.startsWith("<frozen") || /[\\/]lib[\\/]python3\.\d+[\\/]/.test(file)
