/** Runs handlers and behaviours: from what a script says to an effect. */
import type { Message } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import { isBehaviour } from "../workers/Behaviour.ts"
import type { Handler, Step } from "../workers/Behaviour.ts"
import { Raised } from "./Failure.ts"
import type { Callbacks, Owner } from "./Callbacks.ts"
import type { Wire } from "./MemoryTransport.ts"

/** What it needs to know of the call, and to tell it. */
export interface Job extends Owner {
  /** A cancellation does nothing. */
  stubborn: boolean
  /** It is told nothing until it is done. */
  frozen: boolean
}

/** One run of a handler. */
export interface Frame {
  readonly job: Job
  /** The session's object. */
  readonly self: unknown
  readonly args: ReadonlyArray<unknown>
}

/** Runs a handler. Fails with `Raised`, or with whatever the script's own effects fail with. */
export type Run = (frame: Frame, handler: Handler) => Effect.Effect<unknown, unknown>

/** Makes the interpreter of one worker. */
export const make = (options: {
  readonly wire: Wire
  /** The one of these whose turn it is. */
  readonly take: <A>(owner: object, choices: ReadonlyArray<A>) => A | undefined
  /** Calls a function of the pool. */
  readonly callback: Callbacks["call"]
  /** Logs something in a call. */
  readonly log: (call: number, record: Omit<Message.Log, "call">) => void
  /** The dead run nothing. */
  readonly isDead: () => boolean
}): Run => {
  const { isDead, take, wire } = options

  const behave = (frame: Frame, step: Step): Effect.Effect<unknown, unknown> => {
    const go = (next: Handler) => Effect.suspend(() => run(frame, next))
    switch (step._tag) {
      case "Reply":
        return Effect.succeed(step.value)
      case "Raise":
        return Effect.fail(new Raised(step.exception))
      case "Hang":
        return Effect.never
      case "End":
        wire.end(step.end)
        return Effect.never
      case "Delay":
        return Effect.andThen(Effect.sleep(step.duration), go(step.next))
      case "Print":
        wire.print(step.output, step.text)
        return go(step.next)
      case "Write":
        wire.write(step.bytes(frame.job.id))
        return go(step.next)
      case "Stubborn":
        frame.job.stubborn = true
        return go(step.next)
      case "Frozen":
        frame.job.frozen = true
        return go(step.next)
      case "Callback":
        return Effect.flatMap(options.callback(frame.job, step.name, step.args), (value) =>
          run({ ...frame, args: [value] }, step.next)
        )
      case "Log":
        options.log(frame.job.id, step.record)
        return go(step.next)
      case "InTurn": {
        const next = take(step, step.handlers)
        return next === undefined ? Effect.succeed(null) : go(next)
      }
    }
  }

  const run: Run = (frame, handler) => {
    if (isDead()) return Effect.never
    if (isBehaviour(handler)) return behave(frame, handler.step)
    const value: unknown = Reflect.apply(handler, frame.self, frame.args)
    if (isBehaviour(value)) return behave(frame, value.step)
    if (!isEffect(value)) return Effect.succeed(value)
    return Effect.flatMap(value, (given) =>
      isBehaviour(given) ? behave(frame, given.step) : Effect.succeed(given)
    )
  }
  return run
}

// A script's functions are typed as Python's are: an effect that needs a service that is not there fails when it asks for it.
const isEffect = (u: unknown): u is Effect.Effect<unknown, unknown> => Effect.isEffect(u)
