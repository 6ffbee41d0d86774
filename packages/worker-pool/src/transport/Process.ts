/**
 * The transport to a spawned Python process: frames on descriptors 3 and 4, the lifeline on 5, what user code prints on 1 and 2.
 *
 * `node:child_process` is used directly: it works on Node, Deno and Bun, and Effect's process streams hide the descriptors.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync, statSync } from "node:fs"
import process from "node:process"
import { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import { StartError } from "../CallError.ts"
import * as Lines from "../internal/Lines.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Message from "../protocol/Message.ts"
import { bootScript } from "../PythonRuntime.ts"
import type { Connect, End, Events, Identity, Transport } from "./Transport.ts"

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
}

/** How much of its standard error is kept for the error that tells of a worker's end, in characters. */
const STDERR_TAIL = 65_536
/** How long a worker may live on after it closed its pipes, in milliseconds. */
const EOF_GRACE = 100
/** How long its last words are waited for after its end: a grandchild may hold its standard output open. In milliseconds. */
const OUTPUT_GRACE = 150
/** The same for its last frames, which only a forked child that escaped the runtime's guard can hold up. In milliseconds. */
const FRAMES_GRACE = 1_000
/** Pieces of frames up to this size, in bytes, are joined before they are written. */
const JOIN_LIMIT = 65_536

/**
 * Starts a Python process behind a transport.
 *
 * Its end comes by `onEnd`. The scope's end kills it, with all its process group, and waits until it is gone.
 */
export const connect =
  (options: ProcessOptions): Connect =>
  (identity, events) =>
    Effect.gen(function* () {
      const runtime = bootPath()
      if (runtime === undefined) {
        return yield* new StartError({
          reason: "runtime-not-found",
          interpreter: options.interpreter,
          detail: `the Python half of this package is not at ${bootScript.href}`,
          stderr: ""
        })
      }
      if (!isFolder(options.cwd)) {
        return yield* new StartError({
          reason: "folder-not-found",
          interpreter: options.interpreter,
          detail: `its working folder ${options.cwd} does not exist`,
          stderr: ""
        })
      }
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
  runtime: string
): Effect.Effect<ChildProcess, StartError> =>
  Effect.try({
    try: () =>
      spawn(options.interpreter, [runtime], {
        cwd: options.cwd,
        env: {
          ...process.env,
          PYTHONBREAKPOINT: "0",
          ...options.env,
          FIREWEED_TOKEN: identity.token,
          FIREWEED_WORKER: identity.id
        },
        stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
        // A process group of its own from the first moment, so that a wrapper around Python can be ended whole. On Windows it would take the
        // child out of the job that ends with this process.
        detached: process.platform !== "win32",
        windowsHide: true
      }),
    catch: (cause) => spawnError(cause instanceof Error ? cause : new Error(String(cause)), options)
  })

const attach = (
  child: ChildProcess,
  options: ProcessOptions,
  events: Events,
  later: (milliseconds: number, run: () => void) => void
): Attached => {
  let failure: Error | undefined
  let exit: { readonly code: number | null; readonly signal: string | null } | undefined
  let broken: Frame.ProtocolViolation | undefined
  let atEnd = false
  let closedPipes = false
  let killed = false
  let ended = false
  /** The process that runs Python, once it has said so: the one that was started, or the child of a wrapper. */
  let python: number | undefined
  let waiting: Array<() => void> = []

  // First of all: without a listener this event ends the program.
  child.on("error", (error) => {
    // Also comes when a signal cannot be sent; only a process that never ran is a failure.
    if (child.pid !== undefined) return
    failure = error
    exit = { code: null, signal: null }
    finish()
  })
  // The types of Node end at descriptor 4, and know nothing of a process that has none, since there were none left.
  const stdio: ReadonlyArray<Readable | Writable | null | undefined> | undefined = child.stdio
  const [toPython, fromPython, lifeline] = (stdio ?? []).slice(3)
  const stderrTail = Lines.tail(STDERR_TAIL)

  const notify = (): void => {
    for (const run of waiting) run()
    waiting = []
  }

  // --- from Python

  const decoder = Frame.decoder({
    maxFrame: options.maxFrame,
    accepts: (kind) => Kind.isReply(kind) || Kind.isIgnorable(kind),
    onFrame: (frame) => {
      if (frame.kind === Kind.Reply.hello) {
        python = Option.getOrUndefined(
          Option.flatMap(Message.readHello(frame), (hello) => pidOf(hello, child))
        )
      }
      if (Kind.isReply(frame.kind)) events.onFrame(frame)
    }
  })
  const boot = bootLine()

  const read = (chunk: Uint8Array): void => {
    if (broken !== undefined) return
    const frames = boot.skim(chunk)
    if (frames === undefined) return
    broken = decoder.push(frames)
    if (broken !== undefined) kill()
  }

  let openStreams = 0
  const listen = (stream: unknown, onData: (chunk: Uint8Array) => void, onClose: () => void): void => {
    if (!(stream instanceof Readable)) return
    openStreams++
    let closed = false
    const close = (): void => {
      if (closed) return
      closed = true
      openStreams--
      onClose()
      finishIfDone()
    }
    stream.on("data", onData)
    stream.on("error", close)
    stream.on("end", close)
    stream.on("close", close)
  }

  for (const [output, stream] of [
    ["stdout", child.stdout],
    ["stderr", child.stderr]
  ] as const) {
    const lines = Lines.make((line) => {
      if (output === "stderr") stderrTail.push(line)
      events.onOutput(output, line)
    })
    listen(stream, lines.push, lines.end)
  }
  listen(fromPython, read, () => {
    atEnd = true
    events.onClosing()
    // Pipes closed and the process alive: it became another program, or lost its descriptors. It cannot be spoken to any more.
    if (exit === undefined) {
      later(EOF_GRACE, () => {
        if (exit !== undefined || ended) return
        closedPipes = true
        kill()
      })
    }
  })

  // --- to Python

  let pieces: Array<Uint8Array> = []
  let piecesLength = 0
  let flushing = false

  const flush = (): void => {
    flushing = false
    const batch = pieces
    const length = piecesLength
    pieces = []
    piecesLength = 0
    if (ended || !(toPython instanceof Writable) || toPython.destroyed) return
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      toPython.write(only)
    } else if (length <= JOIN_LIMIT) {
      toPython.write(Buffer.concat(batch, length))
    } else {
      toPython.cork()
      for (const piece of batch) toPython.write(piece)
      toPython.uncork()
    }
  }

  if (toPython instanceof Writable) toPython.on("error", ignore)
  // Never read, never written: both ends must stay silent, its closing is the message.
  lifeline?.on("error", ignore)

  // --- the end

  const kill = (): void => {
    if (ended) return
    killed = true
    destroy(lifeline)
    killGroup(python)
    killGroup(child.pid)
    if (exit === undefined) child.kill("SIGKILL")
  }

  const finish = (): void => {
    if (ended) return
    ended = true
    destroy(toPython)
    destroy(fromPython)
    destroy(lifeline)
    destroy(child.stdout)
    destroy(child.stderr)
    notify()
    events.onEnd(
      describe(
        exit,
        { broken, closedPipes, killed, partial: decoder.isPartial(), tooOld: boot.tooOld() },
        stderrTail.text()
      )
    )
  }

  const finishIfDone = (): void => {
    if (exit !== undefined && openStreams === 0) finish()
  }

  child.on("spawn", notify)
  child.on("exit", (code, signal) => {
    exit = { code, signal }
    events.onClosing()
    // Its children do not outlive it.
    killGroup(python)
    killGroup(child.pid)
    destroy(lifeline)
    later(OUTPUT_GRACE, () => {
      if (atEnd) finish()
    })
    later(FRAMES_GRACE, finish)
    finishIfDone()
  })

  return {
    transport: {
      pid: () => python ?? child.pid,
      send: (frame) => {
        if (ended) return
        for (const piece of Frame.encode(frame)) {
          pieces.push(piece)
          piecesLength += piece.length
        }
        if (flushing) return
        flushing = true
        queueMicrotask(flush)
      },
      pending: () => piecesLength + (toPython instanceof Writable ? toPython.writableLength : 0),
      interrupt: () => {
        // A wrapper would die of it.
        if (exit === undefined && python !== undefined) signal(python, "SIGUSR1")
      },
      kill
    },
    spawned: Effect.callback<void, StartError>((resume) => {
      const answer = (): void =>
        resume(failure === undefined ? Effect.void : Effect.fail(spawnError(failure, options)))
      if (failure !== undefined || child.pid !== undefined) answer()
      else waiting.push(answer)
    })
  }
}

const ignore = (): void => {}

const destroy = (stream: Readable | Writable | null | undefined): void => {
  if (stream !== null && stream !== undefined && !stream.destroyed) stream.destroy()
}

// A bundler that moves this code leaves the Python files behind, and one that loads it over the network has none.
const bootPath = (): string | undefined => {
  if (bootScript.protocol !== "file:") return undefined
  const path = fileURLToPath(bootScript)
  return existsSync(path) ? path : undefined
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

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

const spawnError = (error: Error, options: ProcessOptions): StartError =>
  new StartError({
    reason:
      "code" in error && error.code === "ENOENT" ? "interpreter-not-found" : "interpreter-not-executable",
    interpreter: options.interpreter,
    detail: "code" in error && error.code === "ENOENT" ? "no such file" : `cannot be run: ${error.message}`,
    stderr: ""
  })

interface BootLine {
  /** The bytes that are frames, or `undefined` while there are none. */
  readonly skim: (chunk: Uint8Array) => Uint8Array | undefined
  readonly tooOld: () => Message.TooOld | undefined
}

/** Tells the line of a Python too old for the runtime from frames: the two differ in their third byte. */
const bootLine = (): BootLine => {
  const third = Message.BOOT_PREFIX.charCodeAt(2)
  let mode: "start" | "frames" | "line" = "start"
  let held: Uint8Array = Frame.EMPTY
  return {
    skim: (chunk) => {
      if (mode === "frames") return chunk
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      if (mode === "start" && held.length >= 3) mode = held[2] === third ? "line" : "frames"
      return mode === "frames" ? held : undefined
    },
    tooOld: () =>
      mode === "line"
        ? Option.getOrUndefined(Message.readBootLine(new TextDecoder().decode(held).trim()))
        : undefined
  }
}

const describe = (
  exit: { readonly code: number | null; readonly signal: string | null } | undefined,
  seen: {
    readonly broken: Frame.ProtocolViolation | undefined
    readonly closedPipes: boolean
    readonly killed: boolean
    readonly partial: boolean
    readonly tooOld: Message.TooOld | undefined
  },
  stderr: string
): End => {
  const base = { exitCode: exit?.code ?? null, signal: exit?.signal ?? null, stderr }
  if (seen.tooOld !== undefined) {
    const { have, need } = seen.tooOld
    return {
      ...base,
      reason: "too-old",
      detail: `Python ${have.join(".")}, needs ${need.join(".")}`,
      tooOld: seen.tooOld
    }
  }
  if (seen.broken !== undefined) {
    return {
      ...base,
      reason: "violation",
      detail: `broke the protocol (${seen.broken.rule}): ${seen.broken.detail}`
    }
  }
  if (seen.closedPipes) return { ...base, reason: "eof", detail: "closed its pipes and lived on" }
  const half = seen.partial ? ", in the middle of a frame" : ""
  if (base.signal !== null) {
    const detail = seen.killed
      ? "ended by its pool"
      : `killed by ${base.signal}${base.signal === "SIGKILL" ? ", not by its pool: possibly out of memory" : ""}${half}`
    return { ...base, reason: "signal", detail }
  }
  return { ...base, reason: "exit", detail: `exited with status ${base.exitCode ?? "unknown"}${half}` }
}
