/**
 * One worker: its handshake, its state, what comes from it and what is sent to it. Everything happens in callbacks of the transport and of
 * the timers, so a call costs no fiber.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Diagnosis, StartError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { CodecName } from "../protocol/Codec.ts"
import type { Frame, Outgoing } from "../protocol/Frame.ts"
import type { Exports } from "../protocol/Export.ts"
import * as Frames from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Message from "../protocol/Message.ts"
import * as Diagnoses from "../transport/Diagnosis.ts"
import * as Handshake from "../transport/Handshake.ts"
import type { Connect, End, Output, Transport } from "../transport/Transport.ts"
import type { Assignment, Outcome } from "./Assignment.ts"
import * as Callbacks from "./Callbacks.ts"
import * as Cancellation from "./Cancellation.ts"
import * as InFlight from "./InFlight.ts"
import * as WorkerState from "./WorkerState.ts"

/** One worker. */
export interface Worker {
  readonly id: string
  readonly hello: Message.Hello
  /** What it exposes. */
  readonly exports: Exports
  readonly state: () => WorkerState.WorkerState
  readonly pid: () => number | undefined
  /** Calls it has answered, without those that made it ready. */
  readonly served: () => number
  /** Calls it was given and has not answered, cancelled ones included. */
  readonly load: () => number
  /** Those of them that it has begun. */
  readonly running: () => number
  /** How many calls it may be sent ahead, to wait in it behind the one it runs. */
  readonly spare: () => number
  /** Whether it takes a call that no other worker can run: as `ready`, or while it drains. */
  readonly hasRoom: () => boolean
  /**
   * Gives it a call, only while its state is `ready`, or it has room, or something to spare; answers the number that the call goes by until
   * it is settled.
   */
  readonly assign: (assignment: Assignment) => number
  /** Whether a call was begun, as far as this side can know; one that was sent ahead has not until those before it are answered. */
  readonly hasBegun: (id: number) => boolean
  /** Asks for so many more items of a stream; of one that has ended, or is cancelled, nothing is asked. */
  readonly credit: (id: number, count: number) => void
  /**
   * Cancels a call that it runs, in three steps: a frame, the doorbell after 20 ms, the end of the worker after the grace. The assignment
   * is still told how it ended, and the call takes up its place until then. Any other number is left alone.
   */
  readonly cancel: (id: number) => void
  /** The number of the oldest call that it runs. */
  readonly oldest: () => number | undefined
  /** Frames that came from it so far. */
  readonly heard: () => number
  /** What it last said of its process. */
  readonly vitals: () => Message.Vitals | undefined
  /** Asks for a sign of life. */
  readonly ping: () => void
  /** Finds out why it does not answer; `undefined` if it has answered meanwhile. Takes {@link Cancellation.LOOK} milliseconds. */
  readonly examine: (done: (diagnosis: Diagnosis | undefined) => void) => void
  /** Ends it, since it has not answered for so many milliseconds, unless it does while the reason is looked for. */
  readonly giveUp: (silentFor: number) => void
  /** It does not answer: it is given nothing until it does. */
  readonly degrade: () => void
  /** Takes no more calls, but those that no other worker can run. */
  readonly drain: () => void
  /** Waits until it has no call, or is gone. */
  readonly quiet: Effect.Effect<void>
  /** Waits until it has answered its first call. */
  readonly answered: Effect.Effect<void>
  /** Waits until it is gone. */
  readonly ended: Effect.Effect<End>
}

/** What a worker is made of. */
export interface WorkerOptions {
  readonly id: string
  readonly connect: Connect
  /** Environment variables of its own. */
  readonly env?: { readonly [name: string]: string } | undefined
  /** What is started, for messages. */
  readonly interpreter: string
  readonly timers: Timers
  readonly path: ReadonlyArray<string>
  readonly maxFrame: number
  /** Private memory of its process, in bytes. */
  readonly memory: number | undefined
  /** Calls that it runs at once. */
  readonly concurrency: number
  readonly preparation: Message.Preparation
  /** Why one that is ready is not to be used all the same; `undefined` if it is. */
  readonly refusal?: ((ready: Message.Ready) => StartError | undefined) | undefined
  /** Starts the effects of callbacks. */
  readonly fork: Callbacks.Fork
  /** What values are carried by; the worker must speak it. */
  readonly codec: CodecName
  /** Limit of the handshake, in milliseconds. */
  readonly startTimeout: number
  /** Time between a cancellation and the end of a worker that does not obey, in milliseconds. */
  readonly cancelGrace: number
  /** Time a worker has to leave by itself when its scope closes, in milliseconds. */
  readonly shutdownGrace: number
  /** Its state changed. */
  readonly onState: (worker: string, from: WorkerState.WorkerState, to: WorkerState.WorkerState) => void
  /** It can take a call, or be sent one ahead. */
  readonly onRoom: (worker: Worker) => void
  /** It was idle, and was given a call. */
  readonly onBusy: () => void
  /** Its calls have left behind something that was not there before; all that is there. */
  readonly onDirty: (worker: string, dirty: ReadonlyArray<string>) => void
  /** It has said something of its process. */
  readonly onVitals: (worker: Worker) => void
  readonly onOutput: (worker: string, output: Output, line: string) => void
  /** User code logged something; `target` is the call it did so in, if that is known. */
  readonly onLog: (worker: string, log: Message.Log, target: string | undefined) => void
}

/** With more bytes than these on their way to a worker, no call is sent ahead. */
const AHEAD_BYTES = 65_536

/**
 * Starts a worker and waits until it is ready. At the end of the scope it is asked to leave, and killed when it does not within its
 * grace; the scope stays open until it is gone.
 */
export const make = (options: WorkerOptions): Effect.Effect<Worker, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const { timers } = options
    const expected: Handshake.Expectation = {
      interpreter: options.interpreter,
      token: crypto.randomUUID(),
      codec: options.codec
    }
    const readiness = yield* Deferred.make<Message.Hello, StartError>()
    const answered = yield* Deferred.make<void>()
    const gone = yield* Deferred.make<End>()
    let state: WorkerState.WorkerState = "initializing"
    let hello: Message.Hello | undefined
    let exports: Exports = {}
    let served = 0
    let refusal: StartError | undefined
    // A transport may tell of frames before it is handed over; what they ask for waits until then.
    let transport: Transport | undefined
    let early: Array<(transport: Transport) => void> = []

    const through = (act: (transport: Transport) => void): void => {
      if (transport === undefined) early.push(act)
      else act(transport)
    }
    const send = (frame: Outgoing): void => through((to) => to.send(frame))
    const kill = (): void => through((to) => to.kill())

    const move = (event: WorkerState.WorkerEvent): void => {
      const from = state
      state = WorkerState.next(from, event)
      if (state !== from) options.onState(options.id, from, state)
    }

    // The error waits for the end of the worker, so that it carries the last lines of its standard error.
    const refuse = (error: StartError): void => {
      refusal ??= error
      kill()
    }

    const calls = InFlight.make({
      timers,
      concurrency: options.concurrency,
      onBegin: (call) => cancellation.begun(call),
      onRecall: (call) => send(Message.recall(call.id))
    })

    const cancellation = Cancellation.make({
      timers,
      grace: options.cancelGrace,
      tell: (call) => send(Frames.make(Kind.Request.cancel, call.id)),
      ring: () => through((to) => to.interrupt()),
      ping: () => {
        const mark = heard
        ping()
        return () => look(mark)
      },
      giveUp: (call, diagnosis) => killStuck("a call did not stop when it was told to", diagnosis, [call])
    })

    const callbacks = Callbacks.make({
      send,
      fork: options.fork,
      maxFrame: options.maxFrame,
      runnerOf: (call) => calls.get(call)?.assignment.callback
    })

    const log = (frame: Frame): void => {
      const record = Option.getOrUndefined(Message.readLog(frame))
      if (record === undefined) return violate("a LOG that cannot be read")
      const call = record.call === null ? undefined : calls.get(record.call)
      options.onLog(options.id, record, call?.assignment.target)
    }

    const shake = (frame: Frame): void => {
      if (frame.kind === Kind.Reply.log && hello !== undefined) return log(frame)
      const step = Handshake.step(frame, hello !== undefined, expected)
      switch (step._tag) {
        case "Failed":
          return refuse(step.error)
        case "Hello":
          hello = step.hello
          return send(
            Message.init({
              path: options.path,
              maxFrame: options.maxFrame,
              memory: options.memory,
              concurrency: options.concurrency,
              preparation: options.preparation
            })
          )
        case "Ready": {
          if (hello === undefined) return
          const refused = options.refusal?.(step.ready)
          if (refused !== undefined) return refuse(refused)
          exports = step.ready.exports
          move("ready")
          Deferred.doneUnsafe(readiness, Effect.succeed(hello))
        }
      }
    }

    const answer = (frame: Frame, tag: "Result" | "Failed"): void => {
      const call = calls.get(frame.id)
      if (call === undefined)
        return violate(`${Kind.nameOf(frame.kind)} for call ${frame.id}, which does not run`)
      const wrong = call.assignment.stream === undefined ? Kind.Reply.end : Kind.Reply.result
      if (frame.kind === wrong)
        return violate(`${Kind.nameOf(wrong)} for call ${frame.id}, which is ${nature(call)}`)
      const outcome: Outcome = call.recalled && cameBack(frame) ? { _tag: "NotBegun" } : { _tag: tag, frame }
      if (outcome._tag === "NotBegun") calls.remove(call)
      else {
        calls.finish(call)
        const counts = call.begun && call.assignment.isPreparation !== true
        if (counts && ++served === 1) Deferred.doneUnsafe(answered, Effect.void)
      }
      callbacks.end(call.id)
      if (calls.size() < options.concurrency) move("room")
      if (calls.size() === 0) rest()
      const { broken: rule, resume } = call.assignment.settle(outcome)
      if (rule !== undefined) violate(`${rule.rule}: ${rule.detail}`)
      if (hasRoom() || spare() > 0) options.onRoom(worker)
      resume()
    }

    const takeItem = (frame: Frame): void => {
      const call = calls.get(frame.id)
      const stream = call?.assignment.stream
      if (call === undefined) return violate(`ITEM for call ${frame.id}, which does not run`)
      if (stream === undefined) return violate(`ITEM for call ${frame.id}, which is ${nature(call)}`)
      if (call.credit === 0) return violate(`ITEM for call ${frame.id} beyond its credit`)
      call.credit--
      const rule = stream.item(frame)
      if (rule !== undefined) violate(`${rule.rule}: ${rule.detail}`)
    }

    const hasRoom = (): boolean =>
      WorkerState.isAvailable(state) || (state === "draining" && calls.size() < options.concurrency)

    // Those who wait until it has no call.
    const waiters = new Set<() => void>()
    const rest = (): void => {
      for (const waiter of waiters) waiter()
      waiters.clear()
    }

    // What is sent ahead must not wait to be written: it would be in the way of all that comes later.
    const spare = (): number =>
      state === "busy" && (transport?.pending() ?? 0) <= AHEAD_BYTES ? calls.spare() : 0

    // The worker cannot be trusted with another call: which answer belongs to which is not known any more.
    let broken: string | undefined
    let lastWords: string | undefined
    let heard = 0
    let vitals: Message.Vitals | undefined
    let stuck: { readonly why: string; readonly diagnosis: Diagnosis } | undefined
    const violate = (detail: string): void => {
      broken ??= `broke the protocol: ${detail}`
      move("stop")
      kill()
    }

    const observe = (frame: Frame): void => {
      const said = Option.getOrUndefined(Message.readVitals(frame))
      if (said === undefined) return violate(`${Kind.nameOf(frame.kind)} cannot be read`)
      const before = vitals?.dirty ?? []
      vitals = { ...vitals, ...said }
      if (said.dirty?.some((what) => !before.includes(what)) === true) options.onDirty(options.id, said.dirty)
      options.onVitals(worker)
    }

    // Any sign of life is enough: what it did not answer to may have held up all of its threads, and is over.
    const revive = (): void => {
      move("well")
      if (calls.size() >= options.concurrency) move("full")
      if (hasRoom()) options.onRoom(worker)
    }

    const onFrame = (frame: Frame): void => {
      heard++
      if (broken !== undefined) return
      if (state === "initializing") return shake(frame)
      if (state === "degraded") revive()
      switch (frame.kind) {
        case Kind.Reply.result:
        case Kind.Reply.end:
          return answer(frame, "Result")
        case Kind.Reply.item:
          return takeItem(frame)
        case Kind.Reply.error:
          return answer(frame, "Failed")
        case Kind.Reply.callback: {
          const rule = callbacks.receive(frame)
          return rule === undefined ? undefined : violate(rule)
        }
        case Kind.Reply.log:
          return log(frame)
        case Kind.Reply.fatal:
          lastWords = Option.getOrUndefined(Option.map(Message.readFatal(frame), ({ message }) => message))
          return move("stop")
        case Kind.Reply.pong:
        case Kind.Reply.report:
          return observe(frame)
        case Kind.Reply.bye:
          return
        default:
          return violate(`${Kind.nameOf(frame.kind)} in state ${state}`)
      }
    }

    const explain = (end: End): End => {
      if (broken !== undefined) return { ...end, reason: "violation", detail: broken }
      if (stuck !== undefined) {
        const { diagnosis, why } = stuck
        return { ...end, detail: `killed: ${why}; ${Diagnoses.describe(diagnosis)}`, diagnosis }
      }
      return lastWords === undefined ? end : { ...end, detail: `${end.detail}: ${lastWords}` }
    }

    const onEnd = (plain: End): void => {
      const end = explain(plain)
      move("end")
      // As they are now: each that goes lets the next begin.
      const lost = calls
        .all()
        .map(({ assignment, begun, stuck }): [Assignment, Outcome] => [
          assignment,
          begun ? { _tag: "Lost", end, stuck } : { _tag: "NotBegun" }
        ])
      for (const call of calls.all()) {
        calls.remove(call)
        callbacks.end(call.id)
      }
      Deferred.doneUnsafe(
        readiness,
        Effect.suspend(() => Effect.fail(Handshake.ended(end, expected, refusal)))
      )
      Deferred.doneUnsafe(gone, Effect.succeed(end))
      rest()
      const settled = lost.map(([assignment, outcome]) => assignment.settle(outcome))
      for (const { resume } of settled) resume()
    }

    const killStuck = (why: string, diagnosis: Diagnosis, stuckCalls: Iterable<InFlight.Call>): void => {
      for (const call of stuckCalls) call.stuck = true
      stuck ??= { why, diagnosis }
      move("stop")
      kill()
    }

    const ping = (): void => send(Frames.make(Kind.Request.ping))

    /** Two looks from outside: now, and when the result is called. It answers if anything came from it after `mark`. */
    const look = (mark: number): (() => Diagnosis) => {
      const end = transport?.diagnose?.()
      return () => Diagnoses.judge(end === undefined ? Diagnoses.UNSEEN : end(), heard !== mark)
    }

    const examine = (done: (diagnosis: Diagnosis | undefined) => void): void => {
      const mark = heard
      const diagnose = look(mark)
      timers.after(Cancellation.LOOK, () => {
        if (WorkerState.isAlive(state)) done(heard === mark ? diagnose() : undefined)
      })
    }

    const worker: Worker = {
      id: options.id,
      get hello() {
        if (hello === undefined) throw new Error(`worker ${options.id} was used before it was ready`)
        return hello
      },
      get exports() {
        return exports
      },
      state: () => state,
      pid: () => transport?.pid(),
      served: () => served,
      load: calls.size,
      running: calls.running,
      spare,
      hasRoom,
      hasBegun: (id) => calls.get(id)?.begun ?? true,
      assign: (assignment) => {
        // How much it has to spare may have changed since it was asked.
        if (!hasRoom() && !(state === "busy" && options.concurrency === 1))
          throw new Error(`worker ${options.id} was given a call while ${state}`)
        const { id } = calls.add(assignment)
        if (calls.size() === 1) options.onBusy()
        if (calls.size() >= options.concurrency) move("full")
        send({ kind: assignment.kind, codec: assignment.codec, id, ...assignment.payload })
        return id
      },
      credit: (id, count) => {
        const call = calls.get(id)
        if (call === undefined || call.cancelled || !WorkerState.isAlive(state)) return
        call.credit += count
        send(Message.credit(id, count))
      },
      cancel: (id) => {
        const call = calls.get(id)
        if (call !== undefined && WorkerState.isAlive(state)) cancellation.cancel(call)
      },
      oldest: calls.oldest,
      heard: () => heard,
      vitals: () => vitals,
      ping,
      examine,
      giveUp: (silentFor) =>
        examine((diagnosis) => {
          if (diagnosis === undefined) return
          killStuck(`it has not answered for ${Math.round(silentFor)} ms`, diagnosis, calls.all())
        }),
      degrade: () => move("silent"),
      drain: () => move("drain"),
      quiet: Effect.callback<void>((resume) => {
        if (calls.size() === 0) return resume(Effect.void)
        const waiter = (): void => resume(Effect.void)
        waiters.add(waiter)
        return Effect.sync(() => waiters.delete(waiter))
      }),
      answered: Deferred.await(answered),
      ended: Deferred.await(gone)
    }

    const shutdown = Effect.suspend(() => {
      if (state === "terminated") return Effect.void
      const polite = calls.size() === 0 && hello !== undefined && WorkerState.isAlive(state)
      move("stop")
      // A worker that runs something, or never got ready, has nobody left to finish for: the transport's own release kills it.
      if (!polite) return Effect.void
      send(Frames.make(Kind.Request.shutdown))
      return Effect.asVoid(Effect.timeoutOption(Deferred.await(gone), options.shutdownGrace))
    })

    transport = yield* options.connect(
      { id: options.id, token: expected.token, env: options.env },
      {
        onFrame,
        onOutput: (output, line) => options.onOutput(options.id, output, line),
        // Before it is ready its end has a reason of its own.
        onClosing: () => (state === "initializing" ? undefined : move("stop")),
        onEnd
      }
    )
    yield* Effect.addFinalizer(() => shutdown)
    for (const act of early) act(transport)
    early = []

    const limit = timers.after(options.startTimeout, () =>
      refuse(Handshake.late(options.startTimeout, hello !== undefined, expected))
    )
    yield* Effect.onExit(Deferred.await(readiness), () => Effect.sync(() => timers.cancel(limit)))
    return worker
  })

/** Whether a call that was called back had not begun. */
const cameBack = (frame: Frame): boolean =>
  frame.kind === Kind.Reply.error &&
  Option.exists(Message.readError(frame), ({ code, started }) => code === "cancelled" && !started)

const nature = ({ assignment }: InFlight.Call): string =>
  assignment.stream === undefined ? "no stream" : "a stream"
