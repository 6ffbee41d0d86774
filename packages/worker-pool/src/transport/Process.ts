/**
 * The transport to a spawned Python process: frames on descriptors 3 and 4, the lifeline on 5, what user code prints on 1 and 2.
 *
 * `node:child_process` is used directly: it works on Node, Deno and Bun, and Effect's process streams hide the descriptors.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import process from "node:process"
import type { Readable, Writable } from "node:stream"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type { StartError } from "../CallError.ts"
import * as Message from "../protocol/Message.ts"
import * as Channel from "./Channel.ts"
import * as Diagnosis from "./Diagnosis.ts"
import * as Inspection from "./Inspection.ts"
import * as Launch from "./Launch.ts"
import type { Program } from "../PythonRuntime.ts"
import type { Connect, Events, Identity, Transport } from "./Transport.ts"

/** What a worker process is started with. */
export interface ProcessOptions {
  /** Path of the interpreter. */
  readonly interpreter: string
  /** Working folder. */
  readonly cwd: string
  /** Environment, added to this process's own. */
  readonly env: { readonly [name: string]: string }
  /** Largest frame, in bytes. */
  readonly maxFrame: number
  /** What the boot script is told. Default: nothing, which makes a worker. */
  readonly args?: ReadonlyArray<string>
}

/**
 * Starts a Python process behind a transport.
 *
 * Its end comes by `onEnd`. The scope's end kills it, with all its process group, and waits until it is gone.
 */
export const connect =
  (options: ProcessOptions): Connect =>
  (identity, events) =>
    Effect.gen(function* () {
      const runtime = yield* Launch.preflight(options)
      const fork = yield* FiberSet.makeRuntime<never, void>()
      const ended = yield* Deferred.make<void>()
      const worker = yield* Effect.acquireRelease(
        Effect.map(start(options, identity, runtime), (child) =>
          attach(
            child,
            options,
            {
              ...events,
              onEnd: (end) => {
                // In this order: what waits for the end goes on at once.
                events.onEnd(end)
                Deferred.doneUnsafe(ended, Effect.void)
              }
            },
            (milliseconds, run) => void fork(Effect.delay(Effect.sync(run), milliseconds))
          )
        ),
        (worker) =>
          Effect.andThen(
            Effect.sync(worker.transport.kill),
            // The kernel does not leave a killed process waiting, short of a stuck disk: then this scope must still close.
            Effect.timeoutOption(Deferred.await(ended), "5 seconds")
          )
      )
      yield* worker.spawned
      return worker.transport
    })

interface Attached {
  readonly transport: Transport
  /** Waits until the process runs, or fails since it cannot. */
  readonly spawned: Effect.Effect<void, StartError>
}

// Most failures come as an event; some (a NUL or too much in the environment) are thrown.
const start = (
  options: ProcessOptions,
  identity: Identity,
  runtime: Program
): Effect.Effect<ChildProcess, StartError> =>
  Effect.try({
    try: () =>
      spawn(options.interpreter, [...runtime.args, ...(options.args ?? [])], {
        cwd: options.cwd,
        env: {
          ...process.env,
          PYTHONBREAKPOINT: "0",
          ...options.env,
          ...identity.env,
          ...runtime.env,
          FIREWEED_TOKEN: identity.token,
          FIREWEED_WORKER: identity.id
        },
        stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
        // A process group of its own from the first moment, so that a wrapper around Python can be ended whole. On Windows it would take the
        // child out of the job that ends with this process.
        detached: process.platform !== "win32",
        windowsHide: true
      }),
    catch: (cause) => Launch.failure(cause, options.interpreter)
  })

const attach = (
  child: ChildProcess,
  options: ProcessOptions,
  events: Events,
  later: (milliseconds: number, run: () => void) => void
): Attached => {
  let failure: Error | undefined
  let answer = ignore
  /** The process that runs Python, once it has said so: the one that was started, or the child of a wrapper. */
  let python: number | undefined
  let stacks: number | undefined

  // First of all: without a listener this event ends the program.
  child.on("error", (error) => {
    // Also comes when a signal cannot be sent; only a process that never ran is a failure.
    if (child.pid !== undefined) return
    failure = error
    answer()
    channel.neverRan()
  })
  // The types of Node end at descriptor 4, and know nothing of a process that has none, since there were none left.
  const stdio: ReadonlyArray<Readable | Writable | null | undefined> | undefined = child.stdio
  const [toPython, fromPython, lifeline] = (stdio ?? []).slice(3)

  const killGroups = (): void => {
    killGroup(python)
    killGroup(child.pid)
  }
  const channel = Channel.make({
    streams: { toPython, fromPython, lifeline, stdout: child.stdout, stderr: child.stderr },
    events,
    maxFrame: options.maxFrame,
    onHello: (frame) => {
      const hello = Option.getOrUndefined(Message.readHello(frame))
      if (hello === undefined) return
      python = Option.getOrUndefined(pidOf(hello, child))
      stacks = hello.stacks ?? undefined
    },
    kill: () => {
      killGroups()
      if (channel.exit() === undefined) child.kill("SIGKILL")
    },
    later
  })

  child.on("spawn", () => answer())
  child.on("exit", (code, signal) => {
    // Its children do not outlive it.
    killGroups()
    channel.exited({ code, signal })
  })

  return {
    transport: {
      pid: () => python ?? child.pid,
      send: channel.send,
      pending: channel.pending,
      interrupt: () => {
        // A wrapper would die of it.
        if (channel.exit() === undefined && python !== undefined) signal(python, "SIGUSR1")
      },
      diagnose: () =>
        channel.exit() === undefined && python !== undefined
          ? Inspection.begin(python, stacks)
          : () => Diagnosis.UNSEEN,
      kill: channel.kill
    },
    spawned: Effect.callback<void, StartError>((resume) => {
      answer = () =>
        resume(
          failure === undefined ? Effect.void : Effect.fail(Launch.failure(failure, options.interpreter))
        )
      if (failure !== undefined || child.pid !== undefined) answer()
    })
  }
}

const ignore = (): void => {}

// 0, 1 and -1 mean groups, or everybody.
const signal = (pid: number, name: NodeJS.Signals): void => {
  if (Math.abs(pid) <= 1) return
  try {
    process.kill(pid, name)
  } catch {
    // Gone already, which is what "kill" asks for; a doorbell for nobody is lost by design.
  }
}

/**
 * The process of a HELLO, if it can be believed: in a namespace of its own a process has numbers that mean somebody else here.
 */
const pidOf = (hello: Message.Hello, child: ChildProcess): Option.Option<number> =>
  hello.pid === child.pid || (hello.ppid === child.pid && hello.pid > 1)
    ? Option.some(hello.pid)
    : Option.none()

const killGroup = (pid: number | undefined): void => {
  if (pid !== undefined && process.platform !== "win32") signal(-pid, "SIGKILL")
}
