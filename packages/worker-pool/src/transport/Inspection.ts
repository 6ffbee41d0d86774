/**
 * A look at a process of Python from outside, on Linux: what it does, and the stacks of its threads, which it writes even while C code
 * holds the interpreter. Elsewhere, and on Deno without full permissions, nothing is seen.
 *
 * All is read at once and synchronously: these files are made by the kernel in microseconds, and none of them waits for the process.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, readSync } from "node:fs"
import process from "node:process"
import * as Diagnosis from "./Diagnosis.ts"

/**
 * Looks at a process, and asks it for its stacks, which it writes to the file behind its descriptor `stacks`. The result looks again, some
 * milliseconds later, and says what was seen.
 */
export const begin = (pid: number, stacks: number | undefined): (() => Diagnosis.Symptoms) => {
  const before = look(pid)
  // A stopped process would write them when it goes on, and one that does not listen would die of the signal.
  const offset =
    stacks === undefined || before === undefined || Diagnosis.isStopped(before) || !listens(pid)
      ? undefined
      : fileOf(pid, stacks, sizeOf)
  if (offset !== undefined) attempt(() => process.kill(pid, "SIGUSR2"))
  return () => ({
    process: Diagnosis.compare(before, look(pid)),
    stacks:
      stacks === undefined || offset === undefined
        ? ""
        : (fileOf(pid, stacks, (file) => readFrom(file, offset)) ?? "")
  })
}

/** Longest text of stacks that is read, in bytes. */
const LONGEST = 65_536
/** SIGUSR2 in the masks of `/proc/<pid>/status`. */
const SIGUSR2 = 1n << 11n

const look = (pid: number): Diagnosis.Look | undefined =>
  attempt(() => Diagnosis.readStat(readFileSync(`/proc/${pid}/stat`, "latin1")))

const listens = (pid: number): boolean => {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, "latin1")) ?? ""
  const mask = /^SigCgt:\t([0-9a-f]+)$/m.exec(status)?.[1]
  return mask !== undefined && (BigInt(`0x${mask}`) & SIGUSR2) !== 0n
}

// User code may have put anything under that number, also what would be waited for.
const fileOf = <A>(pid: number, stacks: number, use: (file: number) => A): A | undefined =>
  attempt(() => {
    const path = `/proc/${pid}/fd/${stacks}`
    if (!readlinkSync(path).startsWith("/memfd:fireweed-stacks")) return undefined
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return use(file)
    } finally {
      closeSync(file)
    }
  })

const sizeOf = (file: number): number => fstatSync(file).size

const readFrom = (file: number, offset: number): string => {
  const bytes = new Uint8Array(LONGEST)
  return new TextDecoder().decode(bytes.subarray(0, readSync(file, bytes, 0, LONGEST, offset)))
}

// The process may be gone at any moment, and its files with it.
const attempt = <A>(act: () => A): A | undefined => {
  try {
    return act()
  } catch {
    return undefined
  }
}
