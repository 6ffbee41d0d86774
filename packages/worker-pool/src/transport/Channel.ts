/**
 * What all processes of Python have in common, however they were started: frames over a pair of streams, lines on two more, a lifeline, and
 * an end that is told once, after everything that was written before it.
 */
import { Readable, Writable } from "node:stream"
import * as Option from "effect/Option"
import * as Lines from "../internal/Lines.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Message from "../protocol/Message.ts"
import type { End, Events, Transport } from "./Transport.ts"

type Stream = Readable | Writable | null | undefined

/** The parent's ends of a process's descriptors; one that is missing could not be opened. */
export interface Streams {
  readonly toPython: Stream
  readonly fromPython: Stream
  /** Never read, never written: its closing is the message. */
  readonly lifeline: Stream
  readonly stdout: Stream
  readonly stderr: Stream
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  /** Why neither is known. */
  readonly unknown?: string | undefined
}

/** What a channel is made of. */
export interface ChannelOptions {
  readonly streams: Streams
  readonly events: Events
  /** Largest frame, in bytes. */
  readonly maxFrame: number
  /** Called with each HELLO, before the events. */
  readonly onHello?: (frame: Frame.Frame) => void
  /** Ends the process and its group, besides the closing of the lifeline. */
  readonly kill: () => void
  /** Runs something once, so many milliseconds from now. */
  readonly later: (milliseconds: number, run: () => void) => void
}

/** The streams of one process, as its transport needs them. */
export interface Channel extends Pick<Transport, "send" | "pending" | "kill"> {
  /** The process is gone. Its end is told when its last words are here, or have been waited for long enough. */
  readonly exited: (exit: Exit) => void
  /** There was no process: the end is told now. */
  readonly neverRan: () => void
  /** How the process ended, if it did. */
  readonly exit: () => Exit | undefined
}

/** How much of its standard error is kept for the error that tells of a worker's end, in characters. */
export const STDERR_TAIL = 65_536
/** How long a worker may live on after it closed its pipes, in milliseconds: on a busy machine its end is told late. */
const EOF_GRACE = 500
/** How long its last words are waited for after its end: a grandchild may hold its standard output open. In milliseconds. */
const OUTPUT_GRACE = 150
/** The same for its last frames, which only a forked child that escaped the runtime's guard can hold up. In milliseconds. */
const FRAMES_GRACE = 1_000
/** Pieces of frames up to this size, in bytes, are joined before they are written. */
const JOIN_LIMIT = 65_536

/** Listens to the streams of a process. Nothing may have been read from them. */
export const make = ({ events, later, maxFrame, streams, ...options }: ChannelOptions): Channel => {
  const { fromPython, lifeline, toPython } = streams
  let exit: Exit | undefined
  let broken: Frame.ProtocolViolation | undefined
  let atEnd = false
  let closedPipes = false
  let killed = false
  let ended = false

  // --- from Python

  const decoder = Frame.decoder({
    maxFrame,
    accepts: (kind) => Kind.isReply(kind) || Kind.isIgnorable(kind),
    onFrame: (frame) => {
      if (frame.kind === Kind.Reply.hello) options.onHello?.(frame)
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
  const listen = (stream: Stream, onData: (chunk: Uint8Array) => void, onClose: () => void): void => {
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
    stream.resume()
  }

  const stderrTail = Lines.tail(STDERR_TAIL)
  for (const output of ["stdout", "stderr"] as const) {
    const lines = Lines.make((line) => {
      if (output === "stderr") stderrTail.push(line)
      events.onOutput(output, line)
    })
    listen(streams[output], lines.push, lines.end)
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

  toPython?.on("error", ignore)
  lifeline?.on("error", ignore)

  // --- the end

  const kill = (): void => {
    if (ended) return
    killed = true
    destroy(lifeline)
    options.kill()
  }

  const finish = (): void => {
    if (ended) return
    ended = true
    for (const stream of Object.values(streams)) destroy(stream)
    const seen = { broken, closedPipes, killed, partial: decoder.isPartial(), tooOld: boot.tooOld() }
    events.onEnd(describe(exit, seen, stderrTail.text()))
  }

  const finishIfDone = (): void => {
    if (exit !== undefined && openStreams === 0) finish()
  }

  return {
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
    kill,
    exited: (how) => {
      if (exit !== undefined) return
      exit = how
      events.onClosing()
      destroy(lifeline)
      later(OUTPUT_GRACE, () => {
        if (atEnd) finish()
      })
      later(FRAMES_GRACE, finish)
      finishIfDone()
    },
    neverRan: finish,
    exit: () => exit
  }
}

const ignore = (): void => {}

const destroy = (stream: Stream): void => {
  if (stream !== null && stream !== undefined && !stream.destroyed) stream.destroy()
}

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
  exit: Exit | undefined,
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
  // Its end may be told late; one that is not the kill's was its own, before.
  if (seen.closedPipes && base.signal === "SIGKILL")
    return { ...base, reason: "eof", detail: "closed its pipes and lived on" }
  const half = seen.partial ? ", in the middle of a frame" : ""
  if (exit?.unknown !== undefined) return { ...base, reason: "eof", detail: `${exit.unknown}${half}` }
  if (base.signal !== null) {
    const detail =
      seen.killed && base.signal === "SIGKILL"
        ? "ended by its pool"
        : `killed by ${base.signal}${base.signal === "SIGKILL" ? ", not by its pool: possibly out of memory" : ""}${half}`
    return { ...base, reason: "signal", detail }
  }
  return { ...base, reason: "exit", detail: `exited with status ${base.exitCode ?? "unknown"}${half}` }
}
