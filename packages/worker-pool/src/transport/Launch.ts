/**
 * What all starts of an interpreter share: what is looked at before, how the Python half is named to it, and what a failure means.
 */
import { statSync } from "node:fs"
import * as Effect from "effect/Effect"
import { StartError } from "../CallError.ts"
import * as PythonRuntime from "../PythonRuntime.ts"
import type { Program } from "../PythonRuntime.ts"

/** What is started, and where. */
export interface LaunchOptions {
  /** Path of the interpreter. */
  readonly interpreter: string
  /** Working folder. */
  readonly cwd: string
}

/**
 * How the interpreter is told to run the Python half. Fails for what the error of the operating system would not tell: that the working
 * folder is not there.
 */
export const preflight = ({ cwd, interpreter }: LaunchOptions): Effect.Effect<Program, StartError> =>
  Effect.suspend(() => {
    if (isFolder(cwd)) return Effect.succeed(PythonRuntime.program())
    return Effect.fail(
      new StartError({
        reason: "folder-not-found",
        interpreter,
        detail: `its working folder ${cwd} does not exist`,
        stderr: ""
      })
    )
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
