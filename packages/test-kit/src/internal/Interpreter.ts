/** Runs handlers and behaviours: from what a script says to an effect. */
import { Kind } from "@fireweed/worker-pool/protocol"
import type { Message } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import { isBehaviour } from "../workers/Behaviour.ts"
import type { Handler, Step } from "../workers/Behaviour.ts"
import { Raised } from "./Failure.ts"
import * as Flow from "./Flow.ts"
import type { Callbacks, Owner } from "./Callbacks.ts"
import type { Wire } from "./MemoryTransport.ts"
import { reportBytes } from "./report.ts"

/** What it needs to know of the call, and to tell it. */
export interface Job extends Owner {
  /** CALL, OPEN or CLOSE. */
  readonly kind: number
  /** A cancellation does nothing. */
  stubborn: boolean
  /** It is told nothing until it is done. */
  frozen: boolean
  /** With this it was called as a stream. */
  readonly stream: Flow.Flow | undefined
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
  /** Resident memory of this worker, if anybody asks. */
  let memory = 20 * 2 ** 20

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
      case "Grow":
        memory += step.by
        wire.write(reportBytes({ rss: memory }))
        return go(step.next)
      case "Write":
        wire.write(step.bytes(frame.job.id))
        return go(step.next)
      case "Yield":
        return Effect.flatMap(flow(frame, step.items, step.beyond), () => go(step.next))
      case "Stubborn":
        frame.job.stubborn = true
        return go(step.next)
      case "Frozen":
        frame.job.frozen = true
        return go(step.next)
      case "Callback":
        return Effect.matchEffect(options.callback(frame.job, step.name, step.args), {
          onSuccess: (value) => run({ ...frame, args: [value] }, step.next),
          onFailure: (raised) =>
            step.failed === undefined
              ? Effect.fail(raised)
              : run({ ...frame, args: [raised.exception.message] }, step.failed)
        })
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
    return isEffect(value) ? Effect.flatMap(value, (given) => go(frame, given)) : go(frame, value)
  }

  const go = (frame: Frame, value: unknown): Effect.Effect<unknown, unknown> => {
    if (isBehaviour(value)) return behave(frame, value.step)
    const isStream = frame.job.kind === Kind.Request.call && Flow.isIterator(value)
    return isStream ? flow(frame, value, false) : Effect.succeed(value)
  }
  return run
}

const flow = ({ job }: Frame, items: Iterable<unknown>, beyond: boolean): Effect.Effect<unknown, unknown> =>
  job.stream === undefined ? Flow.notAStream : job.stream.drain(items, beyond)

// A script's functions are typed as Python's are: an effect that needs a service that is not there fails when it asks for it.
const isEffect = (u: unknown): u is Effect.Effect<unknown, unknown> => Effect.isEffect(u)
