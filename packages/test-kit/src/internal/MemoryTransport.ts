/**
 * The pool's side of a mock worker: what `Process` of `@fireweed/worker-pool` is for a real one, with pipes made of function calls. The
 * bytes are those of real frames both ways, and every callback comes from a later microtask, never from within a call of the pool.
 */
import type { Transport } from "@fireweed/worker-pool/transport"
import { Frame, Kind, Message } from "@fireweed/worker-pool/protocol"
import * as Option from "effect/Option"
import type { Death } from "../workers/Behaviour.ts"

/** The worker's side. */
export interface Peer {
  /** Bytes from the pool. */
  readonly receive: (bytes: Uint8Array) => void
  /** `SIGUSR1`, or the `SIGKILL` that ends it. */
  readonly signal: (name: "SIGUSR1" | "SIGKILL") => void
  /** It is dead: nothing of it runs on. */
  readonly stop: () => void
  /** Largest frame it was told of, in bytes. */
  readonly maxFrame: () => number
}

/** What the worker's side can do. */
export interface Wire {
  /** Writes to the pipe of the frames. */
  readonly write: (bytes: Uint8Array) => void
  /** Prints lines. */
  readonly print: (output: Transport.Output, text: string) => void
  /** Says that its Python is too old, in the words of the real one. */
  readonly boot: (line: string) => void
  /** Ends the process. */
  readonly end: (death: Death) => void
}

/** How much of its standard error is kept, in characters. */
const STDERR_TAIL = 65_536

/** Makes both ends. */
export const make = (events: Transport.Events, start: (wire: Wire) => Peer): Transport.Transport => {
  let death: Death | undefined
  let killed = false
  let ended = false
  let broken: Frame.ProtocolViolation | undefined
  let tooOld: Message.TooOld | undefined
  let stderr = ""
  let pieces: Array<Uint8Array> = []
  let flushing = false

  const die = (how: Death): void => {
    if (death !== undefined) return
    death = how
    pieces = []
    peer.stop()
    queueMicrotask(() => {
      ended = true
      events.onClosing()
      events.onEnd({
        ...describe(how, { broken, killed, tooOld, partial: decoder.isPartial() }),
        ...how,
        stderr: stderr.slice(-STDERR_TAIL)
      })
    })
  }

  const kill = (): void => {
    if (death !== undefined) return
    killed = true
    peer.signal("SIGKILL")
    die({ exitCode: null, signal: "SIGKILL" })
  }

  const decoder = Frame.decoder({
    get maxFrame() {
      return peer.maxFrame()
    },
    accepts: (kind) => Kind.isReply(kind) || Kind.isIgnorable(kind),
    onFrame: (frame) => {
      if (Kind.isReply(frame.kind)) events.onFrame(frame)
    }
  })

  const peer = start({
    write: (bytes) => {
      if (death !== undefined) return
      broken = decoder.push(bytes)
      if (broken !== undefined) kill()
    },
    print: (output, text) => {
      if (death !== undefined) return
      for (const line of text.replace(/\n$/, "").split("\n")) {
        if (output === "stderr") stderr += `${line}\n`
        events.onOutput(output, line)
      }
    },
    boot: (line) => {
      tooOld = Option.getOrUndefined(Message.readBootLine(line))
    },
    end: die
  })

  const flush = (): void => {
    flushing = false
    const batch = pieces
    pieces = []
    if (death === undefined && batch.length > 0) peer.receive(join(batch))
  }

  return {
    // There is no process, and its number might be another's.
    pid: () => undefined,
    send: (frame) => {
      if (death !== undefined) return
      pieces.push(...Frame.encode(frame))
      if (flushing) return
      flushing = true
      queueMicrotask(flush)
    },
    pending: () => pieces.reduce((sum, piece) => sum + piece.length, 0),
    interrupt: () => {
      if (!ended) peer.signal("SIGUSR1")
    },
    kill
  }
}

const join = (batch: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [only] = batch
  if (only !== undefined && batch.length === 1) return only
  const whole = new Uint8Array(batch.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of batch) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** In the words of the real transport. */
const describe = (
  { exitCode, signal }: Death,
  seen: {
    readonly broken: Frame.ProtocolViolation | undefined
    readonly killed: boolean
    readonly partial: boolean
    readonly tooOld: Message.TooOld | undefined
  }
): Pick<Transport.End, "reason" | "detail" | "tooOld"> => {
  if (seen.tooOld !== undefined) {
    const { have, need } = seen.tooOld
    const detail = `Python ${have.join(".")}, needs ${need.join(".")}`
    return { reason: "too-old", detail, tooOld: seen.tooOld }
  }
  if (seen.broken !== undefined) {
    const { detail, rule } = seen.broken
    return { reason: "violation", detail: `broke the protocol (${rule}): ${detail}` }
  }
  const half = seen.partial ? ", in the middle of a frame" : ""
  if (signal === null) return { reason: "exit", detail: `exited with status ${exitCode}${half}` }
  if (seen.killed) return { reason: "signal", detail: "ended by its pool" }
  const why = signal === "SIGKILL" ? ", not by its pool: possibly out of memory" : ""
  return { reason: "signal", detail: `killed by ${signal}${why}${half}` }
}
