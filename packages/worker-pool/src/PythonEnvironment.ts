/**
 * What an interpreter is and has: its version, its virtual environment, the packages that are asked for. It costs one start of the
 * interpreter, once in a program for each interpreter, environment and folder, and imports nothing of what it is asked for.
 *
 * ```ts
 * import { PythonEnvironment } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const found = await Effect.runPromise(PythonEnvironment.check({ requires: ["no-such-package>=2"] }))
 * if (found.requires[0]?.met !== false) throw new Error("expected it to be missing")
 * ```
 */
import * as Effect from "effect/Effect"
import type { StartError } from "./CallError.ts"
import * as Places from "./internal/places.ts"
import { decode } from "./internal/settings.ts"
import type { Options } from "./Options.ts"
import * as Environment from "./transport/Environment.ts"
import type { PythonEnvironment } from "./transport/Environment.ts"

export type { PythonEnvironment, Requirement } from "./transport/Environment.ts"

/** The options of a pool that decide which Python it uses. */
export type CheckOptions = Pick<
  Options,
  "python" | "cwd" | "root" | "env" | "pythonPath" | "requires" | "startTimeout"
>

/**
 * Finds the interpreter that a pool with these options would use, and asks it. Fails when there is none, or it cannot be used; what is missing of
 * `requires` is no failure, but told. Options that make no sense are a defect, a `TypeError` that names the option.
 */
export const check = (options: CheckOptions = {}): Effect.Effect<PythonEnvironment, StartError> =>
  Effect.suspend(() => {
    const settings = decode(options, "PythonEnvironment.check")
    const wanted = { ...settings, ...Places.make(settings) }
    return Effect.flatMap(Environment.locate(wanted), (interpreter) =>
      Environment.inspect(interpreter, wanted)
    )
  })
