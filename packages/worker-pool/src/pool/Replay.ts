/**
 * What all workers of a pool were told, told again to each that comes later, before it serves anything.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { stackless, StartError } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Worker } from "../worker/Worker.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import * as Remembered from "./Remembered.ts"
import type { Lane, Request } from "./Request.ts"

/** What is broadcast. */
export interface Message {
  readonly key: string | undefined
  /** A request that says it to a worker. */
  readonly request: (lane: Lane, settle: Request["settle"], rest?: Partial<Request>) => Request
  /** Whether a worker has done it. */
  proven: boolean
  /** Requests that wait for busy workers, and for which nobody waits. */
  readonly late: Set<Request>
}

/** The workers that are told, and what they were told. */
export interface Replay {
  readonly remembered: Remembered.Remembered<Message>
  /** The workers that serve, those that came first before the others. */
  readonly lanes: () => ReadonlyArray<Lane>
  /**
   * Says all that is remembered to a worker. In the moment in which it knows all of it `enter` says whether it shall serve; then it is one of those
   * that are told what comes. Fails when a function does, or it takes too long.
   */
  readonly admit: (worker: Worker, enter: () => boolean) => Effect.Effect<boolean, StartError>
}

/** Makes it. */
export const make = (options: {
  readonly dispatcher: Dispatcher
  /** What is started, for messages. */
  readonly interpreter: string
  /** Most that is remembered. */
  readonly limit: number
  /** Longest time for all of it on one worker, in milliseconds. */
  readonly patience: number
}): Replay => {
  const { dispatcher, interpreter, patience } = options
  const remembered = Remembered.make<Message>(options.limit)
  const members = new Map<Worker, Lane>()

  const failed = (error: CallError): StartError =>
    stackless(
      () =>
        new StartError({
          reason: "replay",
          interpreter,
          detail: `failed at what was broadcast: ${error.message}`,
          stderr: error._tag === "WorkerLost" ? error.stderr : "",
          ...(error._tag === "PythonError" ? { exception: error.exception } : {})
        })
    )

  const late = (): StartError =>
    new StartError({
      reason: "timeout",
      interpreter,
      detail: `was not done with what was broadcast within ${Duration.format(Duration.millis(patience))}`,
      stderr: ""
    })

  const say = (message: Message, lane: Lane): Effect.Effect<void, StartError> =>
    Effect.callback<unknown, CallError>((resume) => {
      const request = message.request(lane, resume, { isPreparation: true })
      dispatcher.submit(request)
      return Effect.sync(() => dispatcher.abandon(request))
    }).pipe(Effect.mapError(failed), Effect.andThen(Effect.sync(() => void (message.proven = true))))

  const forgetGone = (): void => {
    for (const worker of members.keys()) if (!WorkerState.isAlive(worker.state())) members.delete(worker)
  }

  return {
    remembered,
    lanes: () => {
      forgetGone()
      return [...members.values()]
    },
    admit: (worker, enter) => {
      const lane = { worker }
      const done = new Set<Message>()
      const rest: Effect.Effect<boolean, StartError> = Effect.suspend(() => {
        const message = remembered.next(done)
        if (message === undefined) {
          const serves = enter()
          // There may be no broadcast ever, and a pool has many workers in its life.
          forgetGone()
          if (serves) members.set(worker, lane)
          return Effect.succeed(serves)
        }
        done.add(message)
        return Effect.andThen(say(message, lane), rest)
      })
      return Effect.suspend(() =>
        remembered.size() === 0
          ? rest
          : Effect.timeoutOrElse(rest, { duration: patience, orElse: () => Effect.fail(late()) })
      )
    }
  }
}
