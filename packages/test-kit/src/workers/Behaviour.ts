/**
 * What a mock worker does with a call, as data: it answers, raises, takes its time, dies, or breaks the protocol. Behaviours nest, so
 * `delay("1 second", exit(3))` is a crash at a chosen moment and `inTurn([exit(3), reply(1)])` one that happens once.
 */
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"
import type { Transport } from "@fireweed/worker-pool/transport"
import { Codec, Frame, Kind } from "@fireweed/worker-pool/protocol"
import type { Message } from "@fireweed/worker-pool/protocol"
import { reportBytes } from "../internal/report.ts"

/**
 * Marks behaviours.
 *
 * @category models
 */
export type TypeId = "~@fireweed/test-kit/Behaviour"
export const TypeId: TypeId = "~@fireweed/test-kit/Behaviour"

/**
 * What a mock worker does with a call.
 *
 * @category models
 */
export interface Behaviour {
  readonly [TypeId]: TypeId
  readonly step: Step
}

/**
 * A behaviour, or a function of the call's arguments; keyword arguments come after them as one object. The function gives the result, or
 * another behaviour, or an `Effect` of either; an iterator, such as that of a generator function, is a stream. What it throws, or the effect
 * fails with, is raised as a Python exception. As in Python, its parameters are not checked against what is sent.
 *
 * @category models
 */
export type Handler = Behaviour | ((...args: Array<never>) => unknown)

/**
 * The kinds of behaviour, for those who read a script.
 *
 * @category models
 */
export type Step =
  | { readonly _tag: "Reply"; readonly value: unknown }
  | { readonly _tag: "Raise"; readonly exception: Message.PythonException }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "End"; readonly end: Death }
  | { readonly _tag: "Delay"; readonly duration: Duration.Duration; readonly next: Handler }
  | {
      readonly _tag: "Print"
      readonly output: Transport.Output
      readonly text: string
      readonly next: Handler
    }
  | { readonly _tag: "Grow"; readonly by: number; readonly next: Handler }
  | { readonly _tag: "Write"; readonly bytes: (id: number) => Uint8Array; readonly next: Handler }
  | {
      readonly _tag: "Yield"
      readonly items: Iterable<unknown>
      readonly beyond: boolean
      readonly next: Handler
    }
  | { readonly _tag: "Stubborn"; readonly next: Handler }
  | { readonly _tag: "Frozen"; readonly next: Handler }
  | {
      readonly _tag: "Callback"
      readonly name: string
      readonly args: ReadonlyArray<unknown>
      readonly next: Handler
      readonly failed: Handler | undefined
    }
  | { readonly _tag: "Log"; readonly record: Omit<Message.Log, "call">; readonly next: Handler }
  | { readonly _tag: "InTurn"; readonly handlers: ReadonlyArray<Handler> }

/**
 * How a process ends: with an exit status, or by a signal.
 *
 * @category models
 */
export type Death =
  | { readonly exitCode: number; readonly signal: null }
  | { readonly exitCode: null; readonly signal: string }

/**
 * Whether a value is a behaviour.
 *
 * @category guards
 */
export const isBehaviour = (u: unknown): u is Behaviour => Predicate.hasProperty(u, TypeId)

/**
 * Answers with the value. One that JSON cannot carry is refused as a real worker refuses it, with code `encode`.
 *
 * @category answers
 */
export const reply = (value: unknown): Behaviour => make({ _tag: "Reply", value })

/**
 * Raises a Python exception. `SystemExit`, `KeyboardInterrupt` and `MemoryError` get the codes they get in Python.
 *
 * ```ts
 * import { Behaviour } from "@fireweed/test-kit/workers"
 *
 * Behaviour.raise("ValueError", "n must be positive", { frames: [["app.py", 12, "check", "raise ValueError(...)"]] })
 * ```
 *
 * @category answers
 */
export const raise = (
  type: string,
  message = "",
  details: Partial<Omit<Message.PythonException, "type" | "message">> = {}
): Behaviour => make({ _tag: "Raise", exception: { frames: [], ...details, type, message } })

/**
 * Never answers, until it is cancelled.
 *
 * @category time
 */
export const hang: Behaviour = { [TypeId]: TypeId, step: { _tag: "Hang" } }

/**
 * Waits on Effect's `Clock`, so that a test clock drives it, then goes on. By default with `null` as the result.
 *
 * @category time
 */
export const delay = (duration: Duration.Input, next: Handler = reply(null)): Behaviour =>
  make({ _tag: "Delay", duration: Duration.fromInputUnsafe(duration), next })

/**
 * Goes on whatever it is told: a cancellation does nothing, so the pool has to kill the worker, or gets a late reply. By default it hangs.
 *
 * @category time
 */
export const stubborn = (next: Handler = hang): Behaviour => make({ _tag: "Stubborn", next })

/**
 * Holds the interpreter's lock until it is done: it is told nothing, and misses heartbeats. By default it hangs.
 *
 * @category time
 */
export const frozen = (next: Handler = hang): Behaviour => make({ _tag: "Frozen", next })

/**
 * Yields these items, as a Python generator does, then goes on; by default it ends, having returned `null`. It asks for the next item only when
 * the pool has. Called otherwise than as a stream it is refused, as in Python. A handler may be a generator function instead.
 *
 * ```ts
 * import { Behaviour } from "@fireweed/test-kit/workers"
 *
 * Behaviour.yields([1, 2], Behaviour.delay("1 second", Behaviour.yields([3], Behaviour.raise("OSError"))))
 * ```
 *
 * @category streams
 */
export const yields = (items: Iterable<unknown>, next: Handler = reply(null)): Behaviour =>
  make({ _tag: "Yield", items, beyond: false, next })

/**
 * Yields these items at once, whatever the credit, then goes on; by default it hangs.
 *
 * @category faults
 */
export const yieldsBeyond = (items: Iterable<unknown>, next: Handler = hang): Behaviour =>
  make({ _tag: "Yield", items, beyond: true, next })

/**
 * Leaves with this exit status, in the middle of the call. After a `delay` it does so at a chosen moment.
 *
 * @category crashes
 */
export const exit = (exitCode: number): Behaviour => make({ _tag: "End", end: { exitCode, signal: null } })

/**
 * Is killed by this signal, in the middle of the call.
 *
 * @category crashes
 */
export const signal = (name: string): Behaviour =>
  make({ _tag: "End", end: { exitCode: null, signal: name } })

/**
 * Writes bytes to the pipe of the frames, then goes on; by default it hangs. The function gets the id of the call.
 *
 * @category faults
 */
export const write = (bytes: (id: number) => Uint8Array, next: Handler = hang): Behaviour =>
  make({ _tag: "Write", bytes, next })

/**
 * Writes bytes that are no frame: by default 32 times `0xff`. Fewer bytes than the 24 of a header are not recognized as garbage before
 * more come, here as from a real worker.
 *
 * @category faults
 */
export const garbage = (bytes: Uint8Array = new Uint8Array(32).fill(0xff)): Behaviour => write(() => bytes)

/**
 * Writes the first half of its answer, then leaves with the exit status; by default 1.
 *
 * @category faults
 */
export const partial = (exitCode = 1): Behaviour =>
  write((id) => {
    const whole = resultBytes(id, null)
    return whole.subarray(0, whole.length >> 1)
  }, exit(exitCode))

/**
 * Answers with the value, for a call that does not exist.
 *
 * @category faults
 */
export const wrongId = (value: unknown = null): Behaviour => write((id) => resultBytes(id + 1, value))

/**
 * Answers with the value, twice.
 *
 * @category faults
 */
export const duplicate = (value: unknown = null): Behaviour =>
  write((id) => resultBytes(id, value), reply(value))

/**
 * Prints lines, then goes on; by default with `null` as the result.
 *
 * @category output
 */
export const print = (output: Transport.Output, text: string, next: Handler = reply(null)): Behaviour =>
  make({ _tag: "Print", output, text, next })

/**
 * Tells of its process, as a real worker does after a call, then goes on; by default with `null` as the result.
 *
 * @category output
 */
export const report = (
  vitals: { readonly rss?: number; readonly cpu?: number; readonly dirty?: ReadonlyArray<string> },
  next: Handler = reply(null)
): Behaviour => {
  const bytes = reportBytes(vitals)
  return write(() => bytes, next)
}

/**
 * Tells of a process that leaks: each time its resident memory is larger by so many bytes, from 20 MiB on, for each worker by itself; then goes
 * on, by default with `null` as the result.
 *
 * @category output
 */
export const grow = (by: number, next: Handler = reply(null)): Behaviour => make({ _tag: "Grow", by, next })

/**
 * Logs something at a level of Python's `logging` (10 is DEBUG, 50 CRITICAL), then goes on; by default with `null` as the result. What is
 * below the pool's option `logs` is not sent.
 *
 * @category output
 */
export const log = (
  level: number,
  message: string,
  options: { readonly logger?: string; readonly next?: Handler } = {}
): Behaviour =>
  make({
    _tag: "Log",
    record: { level, logger: options.logger ?? "root", message },
    next: options.next ?? reply(null)
  })

/**
 * Calls a function of the pool's option `callbacks`, as `fireweed.call_parent` does, then goes on with its value as the only argument; by
 * default the value is the result. When it fails, `fireweed.CallbackError` is raised; or caught, where `failed` says what is done then: its
 * argument is the message.
 *
 * ```ts
 * import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const connect = MockWorker.connect({
 *   "app:greet": (id: number) => Behaviour.callback("name of", [id], (name: string) => `hello ${name}`)
 * })
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ connect, callbacks: { "name of": (id: number) => `no. ${id}` } })
 *   return yield* pool.call("app:greet", [7])
 * })
 *
 * const greeting = await Effect.runPromise(Effect.scoped(program))
 * if (greeting !== "hello no. 7") throw new Error("expected a greeting")
 * ```
 *
 * @category callbacks
 */
export const callback = (
  name: string,
  args: ReadonlyArray<unknown> = [],
  next: Handler = (value: unknown) => value,
  failed?: Handler
): Behaviour => make({ _tag: "Callback", name, args, next, failed })

/**
 * The first handler for the first call, the second for the second, and the last for all that follow; counted over all workers of a mock.
 *
 * ```ts
 * import { Behaviour } from "@fireweed/test-kit/workers"
 *
 * Behaviour.inTurn([Behaviour.exit(1), Behaviour.raise("OSError"), (x: number) => x + 1])
 * ```
 *
 * @category sequences
 */
export const inTurn = (handlers: readonly [Handler, ...Array<Handler>]): Behaviour =>
  make({ _tag: "InTurn", handlers })

/**
 * The handler of the first case that the call matches, by its arguments: all of them, or a condition on them; else the last one.
 *
 * ```ts
 * import { Behaviour } from "@fireweed/test-kit/workers"
 *
 * Behaviour.match(
 *   [
 *     [[0], Behaviour.raise("ZeroDivisionError")],
 *     [(x: number) => x > 100, Behaviour.delay("1 second", Behaviour.exit(1))]
 *   ],
 *   (x: number) => 1 / x
 * )
 * ```
 *
 * @category sequences
 */
export const match =
  (cases: ReadonlyArray<readonly [call: Pattern, Handler]>, otherwise: Handler): Handler =>
  (...args: ReadonlyArray<unknown>) => {
    const handler = cases.find(([call]) => matches(call, args))?.[1] ?? otherwise
    return typeof handler === "function" ? Reflect.apply(handler, undefined, args) : handler
  }

/**
 * Which calls are meant: those with these arguments, or those for whose arguments it is true.
 *
 * @category models
 */
export type Pattern = ReadonlyArray<unknown> | ((...args: Array<never>) => boolean)

const matches = (call: Pattern, args: ReadonlyArray<unknown>): boolean =>
  typeof call === "function" ? Reflect.apply(call, undefined, args) : Equal.equals(call, args)

const make = (step: Step): Behaviour => ({ [TypeId]: TypeId, step })

const resultBytes = (id: number, value: unknown): Uint8Array => {
  const result = Codec.pickle.encode(value, "result")
  if ("_tag" in result) throw new TypeError(`${result.path} is ${result.found}: ${result.hint}`)
  const [head] = Frame.encode({ kind: Kind.Reply.result, codec: Codec.pickle.id, id, ...result })
  return head ?? Frame.EMPTY
}
