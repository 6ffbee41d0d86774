/**
 * A transport carries frames to one worker and back. There is one for spawned processes, and `@fireweed/test-kit` has one in memory;
 * what lies above cannot tell them apart.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Diagnosis, StartError } from "../CallError.ts"
import type * as Frame from "../protocol/Frame.ts"
import type * as Message from "../protocol/Message.ts"
import type { Symptoms } from "./Diagnosis.ts"

/** A stream that user code prints to. */
export type Output = "stdout" | "stderr"

/** What a transport tells its owner. All are called synchronously, in order; `onEnd` is the last, and comes exactly once. */
export interface Events {
  /** A whole frame. Its bytes are a view: decode them before returning. */
  readonly onFrame: (frame: Frame.Frame) => void
  /** A line that user code printed, without its end. */
  readonly onOutput: (output: Output, line: string) => void
  /** The worker is ending, or has ended: it takes nothing more, though frames it wrote before may still come. May be told twice. */
  readonly onClosing: () => void
  /** The worker is gone. Every frame it wrote before has been handed over. */
  readonly onEnd: (end: End) => void
}

/** How a worker ended. */
export interface End {
  /**
   * `exit`: the process ended by itself, with `exitCode`; `signal`: it was killed by `signal`; `eof`: it closed its pipes; `violation`:
   * it broke the protocol and was killed; `too-old`: its Python cannot run the runtime.
   */
  readonly reason: "exit" | "signal" | "eof" | "violation" | "too-old"
  readonly exitCode: number | null
  readonly signal: string | null
  /** One line for a person. */
  readonly detail: string
  /** The last lines of its standard error, at most 64 KiB. */
  readonly stderr: string
  /** Why it hung, if it was killed for that; the worker adds it, not the transport. */
  readonly diagnosis?: Diagnosis
  /** With `too-old`: what the boot line said. */
  readonly tooOld?: Message.TooOld
}

/** A connection to one worker. */
export interface Transport {
  /** Process id, or `undefined` where there is no process. Known at the latest when HELLO has come. */
  readonly pid: () => number | undefined
  /** Sends a frame; frames go out in order, several in one write. What is sent after the end is dropped: `onEnd` tells. Never throws. */
  readonly send: (frame: Frame.Outgoing) => void
  /** Bytes that wait to be written. */
  readonly pending: () => number
  /** Rings the doorbell (`SIGUSR1`): the worker looks whether its running call was cancelled. */
  readonly interrupt: () => void
  /**
   * Looks at the worker from outside, and has it write down its stacks; the result looks again, some milliseconds later, and says what
   * was seen. Never waits for the worker, never throws. A transport without a process has none.
   */
  readonly diagnose?: () => () => Symptoms
  /** Ends the worker and all its process group at once; `onEnd` follows. A second kill does nothing. */
  readonly kill: () => void
}

/** Who a new worker is. */
export interface Identity {
  /** Its name in the pool, such as `2.1`. */
  readonly id: string
  /** What its HELLO must echo. */
  readonly token: string
  /** Environment variables of its own. */
  readonly env?: { readonly [name: string]: string } | undefined
}

/**
 * Makes a connection and starts a worker behind it, in a scope: when the scope closes, the worker is killed if it still lives, and the
 * scope stays open until it is gone. The worker's first frame comes by `onFrame`.
 */
export type Connect = (
  identity: Identity,
  events: Events
) => Effect.Effect<Transport, StartError, Scope.Scope>
