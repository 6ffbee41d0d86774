/**
 * An interpreter, asked what it is and has. It costs one start of it, whose answer comes where a worker's frames do.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { resolve } from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { StartError } from "../CallError.ts"
import * as Message from "../protocol/Message.ts"
import * as Interpreter from "./Interpreter.ts"
import * as Launch from "./Launch.ts"

/** What is known of an interpreter. */
export interface PythonEnvironment {
  /** What a pool with these options starts: the path of the interpreter, or of a wrapper that was named. */
  readonly interpreter: string
  /** Path of the interpreter, as it tells it itself. */
  readonly executable: string
  /** Version, such as `3.11.7`. */
  readonly version: string
  /** Implementation, such as `cpython`. */
  readonly implementation: string
  /** Platform, as Python names it, such as `linux`. */
  readonly platform: string
  /** Folder of the environment. */
  readonly prefix: string
  /** Whether that is a virtual environment. */
  readonly isVirtual: boolean
  /** Whether it has `pip`. */
  readonly hasPip: boolean
  /** What was asked for, in the same order. */
  readonly requires: ReadonlyArray<Requirement>
  /** The command that installs what is missing, or `undefined` if nothing is. */
  readonly install: string | undefined
}

/** One thing that was asked for. */
export interface Requirement {
  /** As it was written, such as `pandas>=2`. */
  readonly requirement: string
  /** The version that is there: empty if it is there and has none, `undefined` if it is not there. */
  readonly found: string | undefined
  readonly met: boolean
}

/** What an interpreter is wanted for. */
export interface Wanted {
  /** A path or a name given by the user. */
  readonly python?: string | undefined
  /** Working folder. */
  readonly cwd: string
  /** Environment, added to this process's own. */
  readonly env: { readonly [name: string]: string }
  /** Folders that modules are imported from first. */
  readonly pythonPath: ReadonlyArray<string>
  /** What it must have. */
  readonly requires: ReadonlyArray<string>
  /** Limit of a check, in milliseconds. */
  readonly startTimeout: number
}

/** The interpreter of a pool, which has all that is required. It is asked only if something is. */
export const suitable = (wanted: Wanted): Effect.Effect<string, StartError> =>
  Effect.gen(function* () {
    const interpreter = yield* locate(wanted)
    if (wanted.requires.length === 0) return interpreter
    const { install, requires } = yield* inspect(interpreter, wanted)
    if (install === undefined) return interpreter
    return yield* new StartError({
      reason: "requirement-not-met",
      interpreter,
      detail: requires.flatMap((each) => (each.met ? [] : [complaint(each)])).join("; "),
      stderr: "",
      fix: `run: ${install}`
    })
  })

/** Finds the interpreter. */
export const locate = ({ cwd, env, python }: Wanted): Effect.Effect<string, StartError> =>
  Interpreter.find({ python, cwd, env: { ...process.env, ...env } })

const complaint = ({ found, requirement }: Requirement): string => {
  if (found === undefined) return `has no ${requirement}`
  return `needs ${requirement}, has ${found === "" ? "one without a version" : found}`
}

/** What was found in this program so far. A failure is not kept: it may be mended meanwhile. */
const known = new Map<string, PythonEnvironment>()

/** Asks an interpreter what it is, and whether it has what is wanted; once, if it has. */
export const inspect = (interpreter: string, wanted: Wanted): Effect.Effect<PythonEnvironment, StartError> =>
  Effect.suspend(() => {
    const { cwd, requires, startTimeout } = wanted
    const path = wanted.pythonPath.map((folder) => resolve(cwd, folder))
    const env = { ...process.env, ...wanted.env }
    const key = JSON.stringify([interpreter, cwd, path, requires, Object.entries(env).toSorted(byName)])
    const before = known.get(key)
    if (before !== undefined) return Effect.succeed(before)
    return ask(interpreter, cwd, env, { path, requires }).pipe(
      Effect.timeoutOrElse({
        duration: startTimeout,
        orElse: () => Effect.fail(unusable("timeout", interpreter, `did not answer in ${startTimeout} ms`))
      }),
      Effect.map((report) => describe(interpreter, report)),
      Effect.tap((found) => Effect.sync(() => found.install === undefined && known.set(key, found)))
    )
  })

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

const Report = Schema.Struct({
  exe: Schema.String,
  python: Schema.Array(Schema.Int),
  impl: Schema.String,
  platform: Schema.String,
  prefix: Schema.String,
  basePrefix: Schema.String,
  pip: Schema.Boolean,
  requires: Schema.Array(
    Schema.Struct({ requirement: Schema.String, found: Schema.NullOr(Schema.String), met: Schema.Boolean })
  )
})

const readReport = Schema.decodeUnknownOption(Schema.fromJsonString(Report))

const describe = (interpreter: string, report: typeof Report.Type): PythonEnvironment => {
  const executable = report.exe === "" ? interpreter : report.exe
  const missing = report.requires.flatMap(({ met, requirement }) => (met ? [] : [quote(requirement)]))
  const pip = report.pip
    ? `${quote(executable)} -m pip install`
    : `uv pip install --python ${quote(executable)}`
  return {
    interpreter,
    executable,
    version: report.python.join("."),
    implementation: report.impl,
    platform: report.platform,
    prefix: report.prefix,
    isVirtual: report.prefix !== report.basePrefix,
    hasPip: report.pip,
    requires: report.requires.map((each) => ({ ...each, found: each.found ?? undefined })),
    install: missing.length === 0 ? undefined : `${pip} ${missing.join(" ")}`
  }
}

/** As a shell takes it. */
const quote = (text: string): string =>
  /^[\w./:=+\\-]+$/.test(text)
    ? text
    : process.platform === "win32"
      ? `"${text}"`
      : `'${text.replaceAll("'", String.raw`'\''`)}'`

const unusable = (
  reason: StartError["reason"],
  interpreter: string,
  detail: string,
  stderr = ""
): StartError => new StartError({ reason, interpreter, detail, stderr: stderr.slice(-4_096) })

const killAll = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined && process.platform !== "win32") process.kill(-child.pid, "SIGKILL")
  } catch {
    // It has ended.
  }
  child.kill("SIGKILL")
}

const ask = (
  interpreter: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
  question: { readonly path: ReadonlyArray<string>; readonly requires: ReadonlyArray<string> }
): Effect.Effect<typeof Report.Type, StartError> =>
  Effect.flatMap(Launch.preflight({ interpreter, cwd }), (runtime) =>
    Effect.callback<typeof Report.Type, StartError>((resume) => {
      const fail = (error: StartError): void => resume(Effect.fail(error))
      // An environment that no process can have is thrown.
      try {
        const child = spawn(interpreter, [...runtime.args, "check", JSON.stringify(question)], {
          cwd,
          env: { ...env, ...runtime.env },
          // Its answer comes where a worker's frames do, so that nothing that is printed gets into it.
          stdio: ["ignore", "ignore", "pipe", "ignore", "pipe"],
          windowsHide: true,
          // A process group of its own, so that a wrapper can be ended whole.
          detached: process.platform !== "win32"
        })
        let answer = ""
        let stderr = ""
        child.on("error", (error) => fail(Launch.failure(error, interpreter)))
        child.stdio[4]?.on("data", (chunk) => (answer += String(chunk)))
        child.stderr?.on("data", (chunk) => (stderr += String(chunk)))
        child.on("close", (code, signal) => {
          const tooOld = Option.getOrUndefined(Message.readBootLine(answer.trim()))
          if (tooOld !== undefined) {
            const detail = `is Python ${tooOld.have.join(".")}, needs ${tooOld.need.join(".")} or newer`
            return fail(unusable("python-too-old", tooOld.exe, detail))
          }
          const ended = `ended with ${signal ?? `status ${code}`} and told nothing of itself`
          resume(
            Option.match(readReport(answer), {
              onNone: () => Effect.fail(unusable("exited", interpreter, ended, stderr)),
              onSome: Effect.succeed
            })
          )
        })
        return Effect.sync(() => killAll(child))
      } catch (error) {
        return fail(Launch.failure(error, interpreter))
      }
    })
  )
