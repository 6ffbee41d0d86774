/**
 * Faults between a pool and its workers, mock or real: a plan of `Faults` around any transport. Its points are `start`, `send:<KIND>` and
 * `receive:<KIND>`, by the names of the frames: `send:CALL`, `receive:RESULT`, `receive:HELLO`.
 *
 * ```ts
 * import { Faults } from "@fireweed/test-kit"
 * import { FaultyTransport, MockWorker } from "@fireweed/test-kit/workers"
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const faults = yield* Faults.make({ rules: [{ at: "send:CALL", fault: Faults.kill, when: { nth: 1 } }] })
 *   const connect = FaultyTransport.around(faults, MockWorker.connect({ "app:double": (x: number) => 2 * x }))
 *   const pool = yield* WorkerPool.make({ size: 1, connect })
 *   return yield* pool.call("app:double", [21], { idempotent: true })
 * })
 *
 * const doubled = await Effect.runPromise(Effect.scoped(program))
 * if (doubled !== 42) throw new Error("expected the second worker to answer")
 * ```
 */
import { CallError } from "@fireweed/worker-pool"
import type { Frame } from "@fireweed/worker-pool/protocol"
import { Kind } from "@fireweed/worker-pool/protocol"
import type { Transport } from "@fireweed/worker-pool/transport"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import process from "node:process"
import type { Fault, Faults } from "../Faults.ts"

/**
 * A transport with the faults of a plan.
 *
 * @category combinators
 */
export const around =
  (faults: Faults, connect: Transport.Connect): Transport.Connect =>
  (identity, events) =>
    Effect.gen(function* () {
      const fork = yield* FiberSet.makeRuntime()
      const later = (duration: Duration.Input, run: () => void): void =>
        void fork(Effect.delay(Effect.sync(run), duration))
      const toPool = lane(later)
      const toWorker = lane(later)
      let starved = false
      let transport: Transport.Transport | undefined

      /** What becomes of a frame, and of its worker. */
      const strike = (fault: Fault | undefined, own: Lane): "as it is" | "corrupted" => {
        switch (fault?._tag) {
          case "Kill":
            // As from outside: its transport is asked in a later turn, and sees a process that was killed.
            queueMicrotask(() => killed(transport))
            break
          case "Stop":
            halt(transport, fault.duration, later)
            toPool.hold(fault.duration)
            toWorker.hold(fault.duration)
            break
          case "Slow":
            own.hold(fault.duration)
            break
          case "Starve":
            starved = true
            break
          case "Corrupt":
            return "corrupted"
        }
        return "as it is"
      }

      const beginning = faults.passUnsafe("start")
      if (beginning?._tag === "Slow" || beginning?._tag === "Stop") yield* Effect.sleep(beginning.duration)
      else if (beginning !== undefined)
        return yield* new CallError.StartError({
          reason: "exited",
          interpreter: "on purpose",
          detail: `${identity.id} was kept from starting, on purpose`,
          stderr: ""
        })

      transport = yield* connect(identity, {
        onFrame: (frame) => {
          const fault = faults.passUnsafe(`receive:${Kind.nameOf(frame.kind)}`)
          const how = strike(fault, toPool)
          if (starved) return
          if (how === "corrupted") return toPool.pass(() => events.onFrame(flipped(frame)))
          if (toPool.isFree()) return events.onFrame(frame)
          const copy = copied(frame)
          toPool.pass(() => events.onFrame(copy))
        },
        onOutput: events.onOutput,
        onClosing: () => toPool.pass(events.onClosing),
        onEnd: (end) => toPool.pass(() => events.onEnd(end))
      })
      const made = transport
      // What is held while it ends is not lost.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          toWorker.open()
          toPool.open()
        })
      )

      return {
        ...made,
        send: (frame) => {
          const fault = faults.passUnsafe(`send:${Kind.nameOf(frame.kind)}`)
          const how = strike(fault, toWorker)
          toWorker.pass(() => made.send(how === "corrupted" ? flippedOutgoing(frame) : frame))
        }
      }
    })

/** One direction: what passes it comes out in order, and nothing before the time for which it is held. */
interface Lane {
  readonly isFree: () => boolean
  readonly hold: (duration: Duration.Input) => void
  readonly pass: (run: () => void) => void
  /** Holds nothing any more. */
  readonly open: () => void
}

const lane = (later: (duration: Duration.Input, run: () => void) => void): Lane => {
  let holds = 0
  const waiting: Array<() => void> = []
  let opened = false
  const first = (): (() => void) | undefined => (opened || holds === 0 ? waiting.shift() : undefined)
  const flush = (): void => {
    // What it lets pass may hold the rest.
    for (let next = first(); next !== undefined; next = first()) next()
  }
  return {
    isFree: () => holds === 0 && waiting.length === 0,
    hold: (duration) => {
      holds++
      later(duration, () => {
        holds--
        flush()
      })
    },
    pass: (run) => {
      waiting.push(run)
      flush()
    },
    open: () => {
      opened = true
      flush()
    }
  }
}

/** A real process is killed by itself, so that its transport learns of it as of any death. */
const killed = (transport: Transport.Transport | undefined): void => {
  const pid = transport?.pid()
  if (pid !== undefined && signal(pid, "SIGKILL")) return
  transport?.kill()
}

/** A real process stands still; to a mock, holding its frames is the same. */
const halt = (
  transport: Transport.Transport | undefined,
  duration: Duration.Input,
  later: (duration: Duration.Input, run: () => void) => void
): void => {
  const pid = transport?.pid()
  if (pid !== undefined && signal(pid, "SIGSTOP")) later(duration, () => void signal(pid, "SIGCONT"))
}

const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

const copied = (frame: Frame.Frame): Frame.Frame => ({
  ...frame,
  meta: frame.meta.slice(),
  buffers: frame.buffers.map((buffer) => buffer.slice())
})

/** One bit in the middle of the meta is another; a frame without a meta is that of a call that does not exist. */
const flipped = (frame: Frame.Frame): Frame.Frame => {
  const copy = copied(frame)
  return flip(copy.meta) ? copy : { ...copy, id: copy.id + 1 }
}

const flippedOutgoing = (frame: Frame.Outgoing): Frame.Outgoing => {
  const pieces = frame.pieces.map((piece) => piece.slice())
  return pieces.some(flip) ? { ...frame, pieces } : { ...frame, id: frame.id + 1 }
}

const flip = (bytes: Uint8Array): boolean => {
  const at = bytes.length >> 1
  const byte = bytes[at]
  if (byte === undefined) return false
  bytes[at] = byte ^ 0x10
  return true
}
