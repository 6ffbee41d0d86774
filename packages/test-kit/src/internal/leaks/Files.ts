/**
 * Descriptors, and temporary files. While somebody watches, this process and its children have a folder of their own for temporary files,
 * so that what is left in it was left by them.
 */
import * as fs from "node:fs"
import fsDefault from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Predicate from "effect/Predicate"
import * as Handles from "./Handles.ts"
import * as Origin from "./Origin.ts"
import { type Watcher, wrapMethod } from "./Watcher.ts"

const VARIABLES = process.platform === "win32" ? ["TEMP", "TMP"] : ["TMPDIR"]

let folder: string | undefined
const paths = new Map<string, Origin.Origin>()
const opened = new Map<number, Origin.Origin>()

export const files: Watcher = {
  start: () => {
    const own = fs.mkdtempSync(join(tmpdir(), "fw-"))
    const before = VARIABLES.map((name) => [name, process.env[name]] as const)
    for (const name of VARIABLES) process.env[name] = own
    const restore = patch(own)
    folder = own
    return () => {
      restore()
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      folder = undefined
      paths.clear()
      opened.clear()
      fs.rmSync(own, { recursive: true, force: true })
    }
  },
  list: () => {
    const own = folder
    if (own === undefined) return []
    return fs.readdirSync(own).map((name) => {
      const path = join(own, name)
      return { key: path, what: path, origin: originOf(path) }
    })
  }
}

const nothing = (): void => {}

/** Descriptors: on Linux, and where `/dev/fd` tells of them. */
export const descriptors: Watcher = {
  start: () => {
    // What the runtime makes when a signal is first asked for is its own.
    process.on("SIGUSR2", nothing)
    process.off("SIGUSR2", nothing)
    return () => {}
  },
  list: () =>
    namesOf(LIST).flatMap((name) => {
      const fd = Number(name)
      const target = targetOf(fd)
      if (target === undefined || /^anon_inode:\[?(?:event|pidfd)/.test(target)) return []
      const origin = Handles.originOf("fd", fd) ?? opened.get(fd) ?? Origin.unknown
      return [{ key: `${name} ${target}`, what: `descriptor ${name}, ${target}`, origin }]
    })
}

const LIST = process.platform === "linux" ? "/proc/self/fd" : "/dev/fd"

const namesOf = (path: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(path)
  } catch {
    return []
  }
}

/** What it is open on; nothing if it is closed by now, as that by which the folder was read. */
const targetOf = (fd: number): string | undefined => {
  try {
    return LIST === "/dev/fd" ? String(fs.fstatSync(fd).ino) : fs.readlinkSync(`${LIST}/${fd}`)
  } catch {
    return undefined
  }
}

/** The last call that named it, or began its name as `mkdtemp` does, or named something in it. */
const originOf = (path: string): Origin.Origin => {
  const named = [...paths].findLast(([one]) => path.startsWith(one) || one.startsWith(`${path}/`))
  return named?.[1] ?? Origin.unknown
}

const MAKERS = [
  "mkdtemp",
  "mkdir",
  "writeFile",
  "appendFile",
  "open",
  "copyFile",
  "cp",
  "symlink",
  "createWriteStream"
]

/** Takes notes of the calls of `node:fs` that make files. */
const patch = (own: string): (() => void) => {
  const note = (
    owner: object,
    name: string,
    opens: (args: Array<unknown>, origin: Origin.Origin) => Opening
  ) =>
    wrapMethod(owner, name, (self, original, args) => {
      const origin = Origin.capture()
      for (const arg of args.slice(0, 2)) {
        if (typeof arg !== "string" || !arg.startsWith(own)) continue
        paths.delete(arg)
        paths.set(arg, origin)
      }
      const { given, result } = opens(args, origin)
      return result(Reflect.apply(original, self, given))
    })
  const undo = MAKERS.flatMap((name) => [
    note(fsDefault, name, name === "open" ? byCallback : byNothing),
    note(fsDefault, `${name}Sync`, name === "open" ? bySync : byNothing),
    note(fsDefault.promises, name, name === "open" ? byPromise : byNothing)
  ])
  syncBuiltinESMExports()
  return () => {
    for (const step of undo) step()
    syncBuiltinESMExports()
  }
}

/** How a call tells which descriptor it has opened: what it is given in place of its arguments, and its result in place of its own. */
interface Opening {
  readonly given: Array<unknown>
  readonly result: (result: unknown) => unknown
}

const same = (result: unknown): unknown => result

const keep = (fd: unknown, origin: Origin.Origin): void => {
  if (typeof fd === "number") opened.set(fd, origin)
}

const byNothing = (args: Array<unknown>): Opening => ({ given: args, result: same })

const byCallback = (args: Array<unknown>, origin: Origin.Origin): Opening => {
  const callback = args.at(-1)
  if (typeof callback !== "function") return byNothing(args)
  const noting = (error: unknown, fd: unknown): void => {
    keep(fd, origin)
    Reflect.apply(callback, undefined, [error, fd])
  }
  return { given: [...args.slice(0, -1), noting], result: same }
}

const bySync = (args: Array<unknown>, origin: Origin.Origin): Opening => ({
  given: args,
  result: (fd) => {
    keep(fd, origin)
    return fd
  }
})

const byPromise = (args: Array<unknown>, origin: Origin.Origin): Opening => ({
  given: args,
  result: async (promise) => {
    const handle = await promise
    keep(Predicate.hasProperty(handle, "fd") ? handle.fd : undefined, origin)
    return handle
  }
})
