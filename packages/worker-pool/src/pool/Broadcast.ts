/**
 * Calls that are made on every worker. Each says what came of it there; those that come later are told by {@link Replay}.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { DeadlineExceeded, InvalidCall, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timer, Timers } from "../internal/Timers.ts"
import * as Kind from "../protocol/Kind.ts"
import type { Payload } from "../protocol/Frame.ts"
import * as Calls from "./Calls.ts"
import type { CallOptions, Prepare, Prepared } from "./Calls.ts"
import type { CallWatch, Watched } from "./CallWatch.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import * as Reentry from "./Reentry.ts"
import type { Message, Replay } from "./Replay.ts"
import type { Lane, Request } from "./Request.ts"

/** Options of one broadcast. */
export interface BroadcastOptions extends Pick<CallOptions, "kwargs"> {
  /**
   * Time for all of it. Then a worker that is still busy is told of as `DeadlineExceeded`; what is remembered it does all the same, as the next
   * thing. Default: no limit.
   */
  readonly deadline?: Duration.Input | undefined
  /** It takes the place of the one of the same key. Default: none, and it is remembered beside all others. */
  readonly key?: string | undefined
  /**
   * Whether workers that come later do it, too. If not, an earlier one of the same key is forgotten. Default: true, unless it fails on all
   * workers, by what it raised.
   */
  readonly remember?: boolean | undefined
}

/** Options of a broadcast that checks its results. */
export interface CheckedBroadcastOptions<A> extends BroadcastOptions {
  /** What each result must be; in the place of any other is an `InvalidCall`, reason `result`. */
  readonly result: Schema.Codec<A, unknown>
}

/** What came of a broadcast on one worker. */
export interface Answer<A> {
  readonly worker: string
  readonly result: Result.Result<A, CallError>
}

/** Broadcasts of one pool. */
export type Broadcast = (
  target: string,
  args: ReadonlyArray<unknown>,
  options: Partial<CheckedBroadcastOptions<unknown>>
) => Effect.Effect<ReadonlyArray<Answer<unknown>>, CallError>

/** What came of it on one worker, before it is checked. */
interface Part {
  readonly lane: Lane
  readonly watched: Watched | undefined
  request: Request | undefined
  exit: Exit.Exit<unknown, CallError> | undefined
}

/** Makes the function behind every broadcast of a pool. */
export const make = (options: {
  readonly replay: Replay
  readonly dispatcher: Dispatcher
  readonly timers: Timers
  readonly prepare: Prepare
  readonly watch: CallWatch
  /** Calls that a worker runs at once. */
  readonly concurrency: number
}): Broadcast => {
  const { dispatcher, prepare, replay, timers, watch } = options
  const { remembered } = replay

  const drop = (messages: ReadonlyArray<Message>): void => {
    for (const { late } of messages) for (const request of late) dispatcher.abandon(request)
  }

  const undo = (message: Message): void => {
    remembered.undo(message)
    drop([message])
  }

  /** Why none may be made now. */
  const refusal = (target: string, waiting: Reentry.Waiting | undefined): CallError | undefined => {
    const refused = dispatcher.refusal(target)
    if (refused?._tag === "PoolUnavailable" && refused.reason !== "crash-loop") return refused
    if (waiting === undefined) return undefined
    const stuck = replay
      .lanes()
      .find(({ worker }) => Reentry.placesOn(worker, waiting) >= options.concurrency)
    return stuck === undefined
      ? undefined
      : invalid(target, "reentry", `it is made from a callback that worker ${stuck.worker.id} waits for`)
  }

  const full = (target: string): InvalidCall =>
    invalid(
      target,
      "limit",
      `${remembered.size()} broadcasts are remembered, and no more are (maxBroadcasts)`
    )

  /** Says it to those who serve, and tells when all have answered. What it gives stops it. */
  const run = (
    message: Message,
    target: string,
    length: number | undefined,
    done: (parts: ReadonlyArray<Part>) => void
  ): (() => void) => {
    const parts = replay.lanes().map((lane): Part => ({
      lane,
      watched: watch.begin({ kind: Kind.Request.call, target, label: target }, undefined),
      request: undefined,
      exit: undefined
    }))
    let timer: Timer | undefined
    let open = true

    const close = (): void => {
      open = false
      if (timer !== undefined) timers.cancel(timer)
    }

    const finish = (): void => {
      if (!open || parts.some(({ exit }) => exit === undefined)) return
      close()
      if (!message.proven && parts.some(isRefused)) undo(message)
      else drop(remembered.confirm(message))
      done(parts)
    }

    // What a worker has not begun it does later, if that is remembered and wanted.
    const leave = (
      part: Part,
      wanted: boolean,
      why: (isRunning: boolean) => Exit.Exit<never, CallError>
    ): void => {
      const { request } = part
      if (request === undefined || part.exit !== undefined) return
      const isRunning = request.place._tag === "Running"
      if (!isRunning && wanted && remembered.has(message)) message.late.add(request)
      else dispatcher.abandon(request)
      answer(part, why(isRunning))
    }

    const say = (part: Part): void => {
      const request = message.request(
        part.lane,
        (exit) => {
          if (Exit.isSuccess(exit)) message.proven = true
          message.late.delete(request)
          answer(part, exit)
          finish()
        },
        { given: part.watched?.given }
      )
      part.request = request
      part.watched?.tried()
      dispatcher.submit(request)
    }

    if (length !== undefined)
      timer = timers.after(length, () => {
        for (const part of parts) leave(part, true, (isRunning) => exceeded(target, isRunning, length))
        finish()
      })
    for (const part of parts) say(part)
    finish()

    return () => {
      if (!open) return
      close()
      for (const part of parts) leave(part, message.proven, () => Exit.interrupt())
      if (message.proven) drop(remembered.confirm(message))
      else undo(message)
    }
  }

  return (target, args, { deadline, key, kwargs, remember = true, result }) =>
    Effect.withFiber((fiber) => {
      checkKey(key)
      const waiting = fiber.getRef(Reentry.Waiting)
      const refused = refusal(target, waiting)
      if (refused !== undefined) return Effect.fail(refused)
      if (remember && remembered.isFull(key)) return Effect.fail(full(target))
      const length =
        deadline === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(deadline))
      const patientFor = length ?? Number.POSITIVE_INFINITY
      const callee = { kind: Kind.Request.call, target, label: target, patientFor }
      const prepared = prepare(callee, args, { kwargs }, undefined, undefined)
      if ("_tag" in prepared) return Effect.fail(prepared)
      const message = messageOf(key, prepared, waiting)
      const answers = Effect.callback<ReadonlyArray<Part>>((resume) => {
        if (remember) remembered.add(message)
        else if (key !== undefined) drop(remembered.forget(key))
        const stop = run(message, target, length, (parts) => resume(Effect.succeed(parts)))
        return Effect.sync(stop)
      })
      return Effect.flatMap(answers, (parts) =>
        Effect.forEach(parts, ({ exit = Exit.interrupt(), lane }) => {
          const checked =
            result === undefined ? exit : Effect.flatMap(exit, Calls.check(target, "the result", result))
          return Effect.map(Effect.result(checked), (said) => ({ worker: lane.worker.id, result: said }))
        })
      )
    })
}

const answer = (part: Part, exit: Exit.Exit<unknown, CallError>): void => {
  if (part.exit !== undefined) return
  part.exit = exit
  part.watched?.ended(exit)
}

/** Its bytes are its own: what the caller does with theirs changes nothing that is said later. */
const messageOf = (
  key: string | undefined,
  prepared: Prepared,
  waiting: Reentry.Waiting | undefined
): Message => {
  const payload = copy(prepared.request(() => undefined).payload(0))
  return {
    key,
    request: (broadcast, settle, rest = {}) => ({
      ...prepared.request(settle),
      ...rest,
      payload: () => payload,
      broadcast,
      waiting
    }),
    proven: false,
    late: new Set()
  }
}

const copy = ({ buffers, pieces }: Payload): Payload => ({
  pieces: pieces.map((bytes) => bytes.slice()),
  buffers: buffers.map((bytes) => bytes.slice())
})

/** Whether the function itself said no, or could not be called: what was lost, or late, may be well elsewhere. */
const isRefused = ({ exit }: Part): boolean => {
  const error = exit === undefined ? undefined : Option.getOrUndefined(Exit.findErrorOption(exit))
  return error?._tag === "PythonError" || error?._tag === "InvalidCall"
}

const exceeded = (target: string, isRunning: boolean, length: number): Exit.Exit<never, DeadlineExceeded> =>
  Exit.fail(
    stackless(
      () =>
        new DeadlineExceeded({
          reason: isRunning ? "running" : "waiting",
          target,
          deadline: Duration.millis(length)
        })
    )
  )

const invalid = (target: string, reason: "reentry" | "limit", detail: string): InvalidCall =>
  stackless(() => new InvalidCall({ reason, target, detail, started: "no" }))

const checkKey = (key: string | undefined): void => {
  if (key !== undefined && (typeof key !== "string" || key === ""))
    throw new TypeError(`broadcast: key must be a text that is not empty, not ${JSON.stringify(key)}`)
}
