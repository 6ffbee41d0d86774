/**
 * Workers without Python: they live in this process, are ready in well under a millisecond, and do what a script says. They speak the real
 * frames over pipes made of function calls, so all of the pool above its transport is the real code; and they wait on Effect's `Clock`, so
 * a test clock drives them.
 */
import { CallError } from "@fireweed/worker-pool"
import type { Codec } from "@fireweed/worker-pool/protocol"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MemoryTransport from "../internal/MemoryTransport.ts"
import * as MockPython from "../internal/MockPython.ts"
import { isHandler } from "../internal/Targets.ts"
import type { Handler } from "./Behaviour.ts"
import { isStart, ready } from "./Start.ts"
import type { Start } from "./Start.ts"

/**
 * What each target does. Opening a session calls the handler of its class and keeps the object that it gives: its functions, and its
 * behaviours, are the methods, and `close` is called when the session closes. Any other target is answered as real workers answer it, with
 * code `target`.
 *
 * @category models
 */
export interface Script {
  readonly [target: string]: Handler
}

/**
 * @category models
 */
export interface Options {
  /** How its workers start. Default: `Start.ready`. */
  readonly start?: Start | undefined
}

/**
 * A call that a mock worker was sent.
 *
 * @category models
 */
export interface Call {
  /** The worker's name in its pool. */
  readonly worker: string
  /** The function, or the method of the session's object. */
  readonly target: string
  readonly args: ReadonlyArray<unknown>
  readonly kwargs: { readonly [name: string]: unknown }
  /** The session's name on the wire: its key, `#` and a number. */
  readonly session: string | undefined
  /** The time left when it was sent, in milliseconds. */
  readonly deadline: number | undefined
  /** With this it is a stream: how many items were asked for at first. */
  readonly credit: number | undefined
  /** With this it is a map: one call for each of `args`, as its one argument, or as `[args, kwargs]`. */
  readonly map: Codec.MapMode | undefined
}

/**
 * A frame or a signal that a mock worker was sent.
 *
 * @category models
 */
export interface Received {
  /** The worker's name in its pool. */
  readonly worker: string
  /** The name of the frame's kind, such as `CANCEL`; or `SIGUSR1`, `SIGKILL`. */
  readonly kind: string
  /** The call it belongs to, or 0. */
  readonly id: number
  /** What the frame carried. */
  readonly meta: unknown
}

/**
 * A mock worker that lives, for faults that belong to no call.
 *
 * @category models
 */
export interface Process {
  /** The worker's name in its pool. */
  readonly id: string
  /** Leaves with this exit status, now. */
  readonly exit: (exitCode: number) => void
  /** Is killed by this signal, now. */
  readonly signal: (name: string) => void
  /** Prints lines. */
  readonly print: (output: Transport.Output, text: string) => void
  /** Writes to the pipe of the frames. */
  readonly write: (bytes: Uint8Array) => void
}

/**
 * Any number of mock workers with one script, and the record of what they were sent. It may serve several pools, also at once.
 *
 * @category models
 */
export interface MockWorker {
  /** For the option `connect` of `WorkerPool.make`. */
  readonly connect: Transport.Connect
  /** The calls, in order of arrival, those of sessions included; openings and closings are not. */
  readonly calls: ReadonlyArray<Call>
  /** Every frame and every signal, in order of arrival. */
  readonly received: ReadonlyArray<Received>
  /** The workers that live now. */
  readonly processes: () => ReadonlyArray<Process>
}

/**
 * Makes mock workers. Throws a `TypeError` that names what in the script or the options makes no sense.
 *
 * ```ts
 * import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const mock = MockWorker.make({
 *   "math:sqrt": (x: number) => (x < 0 ? Behaviour.raise("ValueError", "math domain error") : Math.sqrt(x)),
 *   "app:Counter": (n: number) => ({ next: () => n++ })
 * })
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ connect: mock.connect })
 *   const counter = yield* pool.session("mine", "app:Counter", [5])
 *   yield* counter.call("next")
 *   return [yield* pool.call("math:sqrt", [16]), yield* counter.call("next")]
 * })
 *
 * const [root, next] = await Effect.runPromise(Effect.scoped(program))
 * if (root !== 4 || next !== 6 || mock.calls.length !== 3) throw new Error("expected 4, 6 and three calls")
 * ```
 *
 * @category constructors
 */
export const make = (script: Script, options: Options = {}): MockWorker => {
  const calls: Array<Call> = []
  const received: Array<Received> = []
  const record: Record = (worker, kind, id, meta, request) => {
    received.push({ worker, kind, id, meta })
    if (kind !== "CALL" || request === undefined) return
    const { args, credit, deadline, kwargs, map, session, target } = request
    calls.push({ worker, target, args, kwargs, session, deadline, credit, map })
  }
  return { ...workers(script, options, record), calls, received }
}

/**
 * The option `connect` of a pool, for those who need no record: `WorkerPool.make({ connect: MockWorker.connect(script) })`. None is kept, so that
 * it can serve any number of calls.
 *
 * @category constructors
 */
export const connect = (script: Script, options: Options = {}): Transport.Connect =>
  workers(script, options, () => {}).connect

/** Told of every frame and every signal. */
type Record = (
  worker: string,
  kind: string,
  id: number,
  meta: unknown,
  request: Omit<Call, "worker"> | undefined
) => void

const workers = (
  script: Script,
  options: Options,
  record: Record
): Pick<MockWorker, "connect" | "processes"> => {
  const handlers = decodeWith(decodeScript, script)
  const start = decodeWith(decodeOptions, options).start ?? ready
  const alive = new Set<Process>()

  const turns = new Map<object, number>()
  const take = <A>(owner: object, choices: ReadonlyArray<A>): A | undefined => {
    const turn = turns.get(owner) ?? 0
    turns.set(owner, turn + 1)
    return choices[Math.min(turn, choices.length - 1)]
  }
  const nextStart = (from: Start): Start => {
    if (from.step._tag !== "InTurn") return from
    const next = take(from.step, from.step.starts)
    return next === undefined ? ready : nextStart(next)
  }

  const connect: Transport.Connect = (identity, events) =>
    Effect.gen(function* () {
      const { step } = nextStart(start)
      if (step._tag === "Refused") {
        const { detail, reason } = step
        return yield* new CallError.StartError({ reason, interpreter: "mock", detail, stderr: "" })
      }
      const clock = yield* Clock.Clock
      const fork = yield* FiberSet.makeRuntime()
      const ended = yield* Deferred.make<void>()
      const worker = identity.id
      let process: Process | undefined

      const spawn = (): Transport.Transport =>
        MemoryTransport.make(
          {
            ...events,
            onEnd: (end) => {
              if (process !== undefined) alive.delete(process)
              events.onEnd(end)
              // Last: it lets the scope close at once.
              Deferred.doneUnsafe(ended, Effect.void)
            }
          },
          (wire) => {
            process = {
              id: worker,
              exit: (exitCode) => wire.end({ exitCode, signal: null }),
              signal: (signal) => wire.end({ exitCode: null, signal }),
              print: wire.print,
              write: wire.write
            }
            alive.add(process)
            return MockPython.make({
              wire,
              token: identity.token,
              pid: FIRST_PID + ++lastPid,
              script: handlers,
              start: step,
              take,
              record: (kind, id, meta, request) => record(worker, kind, id, meta, request),
              fork,
              now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
            })
          }
        )

      return yield* Effect.acquireRelease(Effect.sync(spawn), (transport) =>
        Effect.andThen(Effect.sync(transport.kill), Deferred.await(ended))
      )
    })

  return { connect, processes: () => [...alive] }
}

/** Above the largest number of a real process. */
const FIRST_PID = 2 ** 30
let lastPid = 0

const decodeWith = <A>(decode: (input: unknown) => Result.Result<A, Schema.SchemaError>, input: unknown): A =>
  Result.getOrThrowWith(decode(input), (error) => new TypeError(`MockWorker.make: ${error.message}`))

const decodeScript = Schema.decodeUnknownResult(
  Schema.Record(Schema.String, Schema.declare(isHandler, { expected: "a function or a Behaviour" }))
)

const decodeOptions = Schema.decodeUnknownResult(
  Schema.Struct({ start: Schema.optional(Schema.declare(isStart, { expected: "a Start" })) }),
  { onExcessProperty: "error" }
)
