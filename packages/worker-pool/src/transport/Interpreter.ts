/**
 * Finds the Python interpreter, once for a pool.
 */
import { execFile } from "node:child_process"
import { accessSync, closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs"
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { StartError } from "../CallError.ts"

/** What the search depends on. */
export interface SearchOptions {
  /** A path or a name given by the user; nothing else is tried then. */
  readonly python: string | undefined
  /** Folder that relative paths start from. */
  readonly cwd: string
  readonly env: { readonly [name: string]: string | undefined }
  /** Default: this one. */
  readonly platform?: NodeJS.Platform | undefined
}

/**
 * The path of the interpreter: the option `python`, else `FIREWEED_PYTHON`, else the one of `VIRTUAL_ENV`, of `.venv` in the working folder, of
 * `CONDA_PREFIX`, else what `uv python find` says if `uv` is on the `PATH` and the folder, or one above it, is a uv project or pins a Python,
 * else `python3`, then `python` (and on Windows `py`) on the `PATH`. When there is none, the error tells what was tried.
 *
 * A name found on the `PATH` that is a script is a shim (pyenv's costs 80 to 140 ms a start): it is asked once which interpreter it
 * stands for. A path that was given is run as it is, since a wrapper may set things up.
 */
export const find = (options: SearchOptions): Effect.Effect<string, StartError> =>
  Effect.gen(function* () {
    const given = options.python ?? nonEmpty(options.env["FIREWEED_PYTHON"])
    if (given !== undefined)
      return yield* named(given, options.python === undefined ? " (from FIREWEED_PYTHON)" : "", options)
    const tried: Array<string> = []
    for (const [source, folder] of environments(options)) {
      const path = inVenv(folder)
      if (path !== undefined) return path
      tried.push(`${source} has no interpreter`)
    }
    const uv = isUvProject(options.cwd) ? onPath("uv", options.env) : undefined
    if (uv !== undefined) {
      const answer = yield* ask(uv, ["python", "find"], options)
      if (answer.path !== undefined) return answer.path
      tried.push(`"uv python find" found none${answer.said === "" ? "" : ` (${answer.said})`}`)
    }
    const names =
      (options.platform ?? process.platform) === "win32" ? ["python3", "python", "py"] : ["python3", "python"]
    for (const name of names) {
      const path = onPath(name, options.env)
      if (path !== undefined) return yield* behindShim(path, options)
    }
    tried.push(`no ${names.join(", no ")} on the PATH`)
    return yield* missing("Python", `not found: ${tried.join("; ")}`)
  })

const named = (given: string, source: string, options: SearchOptions): Effect.Effect<string, StartError> => {
  if (isPath(given)) {
    const path = isAbsolute(given) ? given : resolve(options.cwd, given)
    return Effect.as(checked(path, source), path)
  }
  const path = onPath(given, options.env)
  return path === undefined ? missing(given, `not found on the PATH${source}`) : behindShim(path, options)
}

/** The folders that may be virtual environments, and how each is spoken of. */
const environments = ({
  cwd,
  env
}: SearchOptions): ReadonlyArray<readonly [source: string, folder: string]> => {
  const found: Array<readonly [string, string]> = []
  const add = (name: string): void => {
    const folder = nonEmpty(env[name])
    if (folder !== undefined) found.push([`${name}=${folder}`, folder])
  }
  add("VIRTUAL_ENV")
  const local = join(cwd, ".venv")
  found.push([local, local])
  add("CONDA_PREFIX")
  return found
}

/** Whether `uv` has a say in this folder: in it or above it is something of uv's, or a pinned Python. */
const isUvProject = (folder: string): boolean =>
  ["uv.lock", "uv.toml", ".python-version"].some((name) => exists(join(folder, name))) ||
  /^\[tool\.uv\b/m.test(textOf(join(folder, "pyproject.toml"))) ||
  (dirname(folder) !== folder && isUvProject(dirname(folder)))

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

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
  [join(folder, "bin", "python"), join(folder, "Scripts", "python.exe"), join(folder, "python.exe")].find(
    isExecutable
  )

const onPath = (name: string, env: SearchOptions["env"]): string | undefined =>
  (env["PATH"] ?? env["Path"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .flatMap((folder) => [join(folder, name), join(folder, `${name}.exe`)])
    .find(isExecutable)

/** Whether it only starts another: a script, or the launcher of Windows. */
const isShim = (path: string): boolean => {
  if (/[\\/]py(?:\.exe)?$/.test(path)) return true
  const start = new Uint8Array(2)
  const file = openSync(path, "r")
  try {
    return readSync(file, start, 0, 2, 0) === 2 && start[0] === 0x23 && start[1] === 0x21
  } finally {
    closeSync(file)
  }
}

const WHICH = ["-c", "import sys; sys.stdout.write(sys.executable)"]

// What it answers is only a short cut: when it answers nothing of use, the shim itself is run, and says what is wrong.
const behindShim = (path: string, options: SearchOptions): Effect.Effect<string> =>
  Effect.suspend(() =>
    isShim(path)
      ? Effect.map(ask(path, WHICH, options), (answer) => answer.path ?? path)
      : Effect.succeed(path)
  )

/** What a program says an interpreter is. It chooses by folder and environment, so it is asked in those of the workers. */
const ask = (
  program: string,
  args: ReadonlyArray<string>,
  { cwd, env }: SearchOptions
): Effect.Effect<{ readonly path: string | undefined; readonly said: string }> =>
  Effect.callback<{ readonly path: string | undefined; readonly said: string }>((resume) => {
    const child = execFile(
      program,
      [...args],
      { cwd, env: { ...env, UV_PYTHON_DOWNLOADS: "never" }, timeout: 10_000 },
      (error, stdout, stderr) => {
        const answer = stdout.trim()
        const path = error === null && isExecutable(answer) ? answer : undefined
        resume(Effect.succeed({ path, said: stderr.trim().split("\n", 1)[0] ?? "" }))
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
    // An environment that no process can have is thrown: the start of a worker will tell.
  }).pipe(Effect.catchDefect(() => Effect.succeed({ path: undefined, said: "" })))
