/**
 * What all starts of an interpreter share: what is looked at before, how the Python half is named to it, and what a failure means.
 */
import { statSync } from "node:fs"
import * as Effect from "effect/Effect"
import { StartError } from "../CallError.ts"
import * as PythonRuntime from "../PythonRuntime.ts"

/** What is started, and where. */
export interface LaunchOptions {
  /** Path of the interpreter. */
  readonly interpreter: string
  /** Working folder. */
  readonly cwd: string
}

/**
 * The first arguments of an interpreter that is to run the Python half. Fails for what the error of the operating system would not tell: that
 * the working folder, or the Python half, is not there.
 */
export const preflight = ({
  cwd,
  interpreter
}: LaunchOptions): Effect.Effect<ReadonlyArray<string>, StartError> =>
  Effect.suspend(() => {
    const runtime = PythonRuntime.program()
    if (runtime === undefined) {
      return Effect.fail(
        new StartError({
          reason: "runtime-not-found",
          interpreter,
          detail: `the Python half of this package is not at ${PythonRuntime.bootScript.href}`,
          stderr: ""
        })
      )
    }
    if (!isFolder(cwd)) {
      return Effect.fail(
        new StartError({
          reason: "folder-not-found",
          interpreter,
          detail: `its working folder ${cwd} does not exist`,
          stderr: ""
        })
      )
    }
    return Effect.succeed(runtime)
  })

/** Why an interpreter did not run, from what the operating system said, thrown or told by an event. */
export const failure = (cause: unknown, interpreter: string): StartError => {
  const missing = typeof cause === "object" && cause !== null && "code" in cause && cause.code === "ENOENT"
  return new StartError({
    reason: missing ? "interpreter-not-found" : "interpreter-not-executable",
    interpreter,
    detail: missing
      ? "no such file"
      : `cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`,
    stderr: ""
  })
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
