/**
 * How a call is made to stop: a frame at once; the doorbell, until it obeys; a look at the worker shortly before the end of its grace; the
 * end of the worker.
 */
import type { Diagnosis } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { Call } from "./InFlight.ts"

/** What a cancellation can do. */
export interface CancellationOptions {
  readonly timers: Timers
  /** Time between the cancellation and the end of a worker that does not obey, in milliseconds. */
  readonly grace: number
  /** Sends the frame. */
  readonly tell: (call: Call) => void
  /** Rings the doorbell. */
  readonly ring: () => void
  /** Asks for a sign of life, which tells later whether user code is to blame; what it gives starts the two looks at the worker. */
  readonly ping: () => () => () => Diagnosis
  /** Ends the worker. */
  readonly giveUp: (call: Call, diagnosis: Diagnosis) => void
}

/** The cancellations of one worker. */
export interface Cancellation {
  /** Tells a call to stop, once. If it runs, more than words follow. */
  readonly cancel: (call: Call) => void
  /** A call that was sent ahead has begun, though it may have been told to stop before. */
  readonly begun: (call: Call) => void
}

/** Time between the frame and the doorbell, in milliseconds. */
export const DOORBELL_AFTER = 20
/** Time between two rings: the first may come to nothing, such as in a finalizer. In milliseconds. */
const DOORBELL_EVERY = 100
/** Time between the two looks at a worker that hangs, in milliseconds: some ticks of the kernel's clock. */
export const LOOK = 40

/** Makes them. */
export const make = ({ giveUp, grace, ping, ring, tell, timers }: CancellationOptions): Cancellation => {
  const insist = (call: Call): void => {
    const ends = timers.now() + grace
    const ringAgain = (look: () => () => Diagnosis): void => {
      ring()
      const left = ends - timers.now()
      call.timer =
        left > DOORBELL_EVERY + LOOK
          ? timers.after(DOORBELL_EVERY, () => ringAgain(look))
          : timers.after(Math.max(0, left - LOOK), () => lookTwice(look))
    }
    const lookTwice = (look: () => () => Diagnosis): void => {
      const diagnose = look()
      call.timer = timers.after(Math.max(0, ends - timers.now()), () => giveUp(call, diagnose()))
    }
    call.timer = timers.after(DOORBELL_AFTER, () => ringAgain(ping()))
  }

  return {
    cancel: (call) => {
      if (call.cancelled) return
      call.cancelled = true
      tell(call)
      if (call.begun) insist(call)
    },
    begun: (call) => {
      if (call.cancelled) insist(call)
    }
  }
}
