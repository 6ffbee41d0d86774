/**
 * A call as a worker gets it, and what can come of it.
 */
import type { CodecId, Frame, Payload, ProtocolViolation } from "../protocol/Frame.ts"
import type { End } from "../transport/Transport.ts"
import type * as Callbacks from "./Callbacks.ts"

/**
 * What a call came to. `NotBegun`: it waited in a worker behind another call, and was called back or its worker died, so that another
 * worker may have it. `stuck` says that its worker was killed because this call did not stop when it was told to,
 * or because it did not answer any more.
 */
export type Outcome =
  | { readonly _tag: "NotBegun" }
  | { readonly _tag: "Result"; readonly frame: Frame }
  | { readonly _tag: "Failed"; readonly frame: Frame }
  | { readonly _tag: "Lost"; readonly end: End; readonly stuck: boolean }

/** What settling a call leaves to do. */
export interface Settled {
  readonly resume: () => void
  /** The rule that the answer broke, if it did: the worker cannot be trusted with another call. */
  readonly broken: ProtocolViolation | undefined
}

/** A call given to a worker. */
export interface Assignment {
  /** CALL, OPEN or CLOSE. */
  readonly kind: number
  readonly codec: CodecId
  readonly payload: Payload
  /** What is called, for messages. */
  readonly target: string
  /** It makes the worker ready to serve: it counts as no answered call. */
  readonly isPreparation?: boolean | undefined
  /** Runs what it calls back. */
  readonly callback: Callbacks.Run
  /** With this the call is a stream. */
  readonly stream?: StreamAssignment | undefined
  /**
   * Told exactly once. The frame is a view: read it before returning. `resume` runs when the worker has been offered again, so that the
   * caller, who goes on in it, does not pass those who wait.
   */
  readonly settle: (outcome: Outcome) => Settled
}

/** What makes a call a stream. */
export interface StreamAssignment {
  /** How many items may come before `credit` of its worker asks for more. */
  readonly credit: number
  /** Told each item, in order. The frame is a view: read it before returning. Answers the rule that it breaks, if it does. */
  readonly item: (frame: Frame) => ProtocolViolation | undefined
  /** Told what it ended with. Answers the rule that this breaks, if it does. */
  readonly end?: ((value: unknown) => ProtocolViolation | undefined) | undefined
}
