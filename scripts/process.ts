/** Starts another program and waits for it. */
import { spawn } from "node:child_process"

export interface Ended {
  /** Exit code; 1 when it was killed by a signal or could not be started. */
  readonly code: number
  readonly stdout: string
  /** What it wrote to either stream, in the order in which it arrived. */
  readonly output: string
}

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment. Default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds until it is killed. Default: none. */
  readonly timeout?: number
  /** Also copy the output to ours as it comes. Default `false`. */
  readonly echo?: boolean
}

export const run = (command: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const { cwd, env, timeout, echo = false } = options
    let stdout = ""
    let output = ""
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      killSignal: "SIGKILL",
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      ...(timeout === undefined ? {} : { timeout })
    })
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      output += text
      if (echo) process.stdout.write(text)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text
      if (echo) process.stderr.write(text)
    })
    child.on("error", (error) => resolve({ code: 1, stdout, output: `${output}${error.message}\n` }))
    child.on("close", (code, signal) => {
      if (signal !== null) output += `killed by ${signal}\n`
      resolve({ code: code ?? 1, stdout, output })
    })
  })

/** The same, but an exit code other than 0 is an error that carries the output. */
export const runOrThrow = async (
  command: string,
  args: ReadonlyArray<string>,
  options: RunOptions = {}
): Promise<Ended> => {
  const ended = await run(command, args, options)
  if (ended.code !== 0)
    throw new Error(`${[command, ...args].join(" ")}: exit code ${ended.code}\n${ended.output}`)
  return ended
}
