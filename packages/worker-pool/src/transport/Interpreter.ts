/**
 * Finds the Python interpreter, once for a pool.
 */
import { execFile } from "node:child_process"
import { closeSync, constants, accessSync, openSync, readSync, statSync } from "node:fs"
import { delimiter, isAbsolute, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { StartError } from "../CallError.ts"

/** What the search depends on. */
export interface SearchOptions {
  /** A path or a name given by the user; nothing else is tried then. */
  readonly python: string | undefined
  /** Folder that relative paths start from. */
  readonly cwd: string
  readonly env: { readonly [name: string]: string | undefined }
}

/**
 * The path of the interpreter: the option `python`, else `FIREWEED_PYTHON`, else the one of `VIRTUAL_ENV`, else `.venv` in the working
 * folder, else `python3` and then `python` on the `PATH`.
 *
 * A name found on the `PATH` that is a script is a shim (pyenv's costs 80 to 140 ms a start): it is asked once which interpreter it
 * stands for. A path that was given is run as it is, since a wrapper may set things up.
 */
export const find = (options: SearchOptions): Effect.Effect<string, StartError> =>
  Effect.suspend(() => {
    const given = options.python ?? nonEmpty(options.env["FIREWEED_PYTHON"])
    if (given !== undefined) {
      const source = options.python === undefined ? " (from FIREWEED_PYTHON)" : ""
      if (isPath(given)) {
        const path = isAbsolute(given) ? given : resolve(options.cwd, given)
        return Effect.map(checked(path, source), () => path)
      }
      const path = onPath(given, options.env)
      return path === undefined ? missing(given, `not found on the PATH${source}`) : behindShim(path, options)
    }
    const venv = nonEmpty(options.env["VIRTUAL_ENV"])
    for (const folder of [venv, join(options.cwd, ".venv")]) {
      const path = folder === undefined ? undefined : inVenv(folder)
      if (path !== undefined) return Effect.succeed(path)
    }
    const path = onPath("python3", options.env) ?? onPath("python", options.env)
    return path === undefined ? missing("python3", "not found on the PATH") : behindShim(path, options)
  })

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text)

const isPath = (name: string): boolean => name.includes("/") || name.includes("\\")

const isExecutable = (path: string): boolean => {
  try {
    return statSync(path).isFile() && mayRun(path)
  } catch {
    return false
  }
}

const mayRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    // Deno wants a permission to know who we are. What is executable for somebody is tried; the kernel has the last word.
    return error instanceof Error && error.name === "NotCapable" && (statSync(path).mode & 0o111) !== 0
  }
}

const exists = (path: string): boolean => {
  try {
    statSync(path)
    return true
  } catch {
    return false
  }
}

const missing = (interpreter: string, detail: string): Effect.Effect<never, StartError> =>
  Effect.fail(new StartError({ reason: "interpreter-not-found", interpreter, detail, stderr: "" }))

const checked = (path: string, source: string): Effect.Effect<void, StartError> => {
  if (isExecutable(path)) return Effect.void
  if (!exists(path)) return missing(path, `no such file${source}`)
  return Effect.fail(
    new StartError({
      reason: "interpreter-not-executable",
      interpreter: path,
      detail: `not a program that can be run${source}`,
      stderr: ""
    })
  )
}

const inVenv = (folder: string): string | undefined =>
  [join(folder, "bin", "python"), join(folder, "Scripts", "python.exe")].find(isExecutable)

const onPath = (name: string, env: SearchOptions["env"]): string | undefined =>
  (env["PATH"] ?? env["Path"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .flatMap((folder) => [join(folder, name), join(folder, `${name}.exe`)])
    .find(isExecutable)

const isScript = (path: string): boolean => {
  const start = new Uint8Array(2)
  const file = openSync(path, "r")
  try {
    return readSync(file, start, 0, 2, 0) === 2 && start[0] === 0x23 && start[1] === 0x21
  } finally {
    closeSync(file)
  }
}

const behindShim = (path: string, options: SearchOptions): Effect.Effect<string> =>
  Effect.suspend(() =>
    // An environment that no process can have is thrown: the start of a worker will tell.
    isScript(path)
      ? Effect.catchDefect(askShim(path, options), () => Effect.succeed(path))
      : Effect.succeed(path)
  )

// It chooses by folder and environment, so it is asked in those of the workers. What it answers is only a short cut: when it answers nothing
// of use, the shim itself is run, and says what is wrong.
const askShim = (path: string, { cwd, env }: SearchOptions): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const child = execFile(
      path,
      ["-c", "import sys; sys.stdout.write(sys.executable)"],
      { cwd, env: { ...env }, timeout: 10_000 },
      (error, stdout) => {
        const answer = stdout.trim()
        resume(Effect.succeed(error === null && isExecutable(answer) ? answer : path))
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })
