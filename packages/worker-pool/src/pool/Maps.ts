/**
 * One function over many items. The items go to the workers in chunks, each chunk one call, as many at once as there is room for; the results
 * come back in the order of the items. A chunk is made when a worker can take it, so the items may be without end.
 */
import * as Arr from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { DeadlineExceeded, InvalidCall, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import { MapError } from "../MapError.ts"
import * as Codec from "../protocol/Codec.ts"
import type { ProtocolViolation } from "../protocol/Frame.ts"
import { violation } from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Calls from "./Calls.ts"
import type { CallOptions, Callee, Prepare, Prepared } from "./Calls.ts"
import type { CallWatch, Watched } from "./CallWatch.ts"
import * as ChunkSize from "./ChunkSize.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import * as Reentry from "./Reentry.ts"
import * as Source from "./Source.ts"

/** Options of one map. */
export interface MapOptions extends CallOptions {
  /**
   * What an item is: the only positional argument (`"item"`, with `kwargs` for all), or all arguments, `{ args, kwargs }` (`"call"`; either may
   * be left out). Default: `"item"`.
   */
  readonly each?: "item" | "call" | undefined
  /** Time for all of it: the waits for workers and for items, the work, and the pauses of the consumer. Default: no limit. */
  readonly deadline?: Duration.Input | undefined
  /** Whether the function may run twice. Then a chunk whose worker dies is tried on another, up to four times. Default: false. */
  readonly idempotent?: boolean | undefined
  /**
   * How many items go in one call, 1 to 65,536; fewer if they do not fit into a message. Default: one at first, then as many as take 5 ms, by
   * what those before them took, up to 4,096.
   */
  readonly chunk?: number | undefined
  /** How many chunks run at once, at most. Default: as many calls as the pool's workers can run when all of them are there. */
  readonly concurrency?: number | undefined
}

/** Options of a map that checks its results. */
export interface CheckedMapOptions<A> extends MapOptions {
  /** What each result must be; anything else ends the map with `InvalidCall`, reason `result`. */
  readonly result: Schema.Codec<A, unknown>
}

/** Maps of one pool. */
export type OpenMap = <E, R>(
  target: string,
  items: Source.Source<E, R>,
  options: Partial<CheckedMapOptions<unknown>>
) => Stream.Stream<unknown, MapError | E, R>

/** The most items of one call that can be asked for. */
export const MAX_CHUNK = 65_536

/** Chunks, for each that may run at once, that may have run before the consumer comes to them. */
const AHEAD = 4

/** What a chunk came to: the results of its items up to the first that has none, and why that has none. */
interface Part {
  readonly results: ReadonlyArray<unknown>
  readonly error: MapError | undefined
}

/** Makes the function behind every map of a pool. Each run of the stream begins anew; the consumer's end cancels what runs. */
export const make = (pool: {
  readonly prepare: Prepare
  readonly dispatcher: Dispatcher
  readonly watch: CallWatch
  readonly timers: Timers
  /** Calls that the pool runs at once when it is at its largest. */
  readonly width: number
}): OpenMap => {
  const open = <E, R>(
    target: string,
    source: Source.Source<E, R>,
    options: Partial<CheckedMapOptions<unknown>>
  ): Effect.Effect<Stream.Stream<unknown, MapError | E>, never, R | Scope.Scope> =>
    Effect.gen(function* () {
      const width = whole("concurrency", options.concurrency ?? pool.width, Number.MAX_SAFE_INTEGER)
      if (options.chunk !== undefined) whole("chunk", options.chunk, MAX_CHUNK)
      const { each = "item" } = options
      if (each !== "item" && each !== "call")
        throw new TypeError(`map: each must be "item" or "call", not ${String(each)}`)
      if (each === "call" && options.kwargs !== undefined)
        throw new TypeError('map: with each: "call" an item has its own kwargs, and there are none for all')
      const deadline = Calls.deadlineOf(options.deadline, pool.timers)
      const failed = (index: number, count: number, reason: CallError): MapError =>
        stackless(() => new MapError({ target, index, count, reason }))
      let size = options.chunk ?? 1
      const perform = performer({
        ...pool,
        options,
        waiting: yield* Reentry.Waiting,
        callee: {
          kind: Kind.Request.call,
          target,
          label: target,
          deadline,
          map: each === "call" ? "calls" : "items",
          // It never has more in the queue than the pool can run: there is no need for limits.
          patientFor: Number.POSITIVE_INFINITY
        },
        failed,
        onTook: (asked, items, took) => {
          size = options.chunk ?? ChunkSize.next(asked, items, took)
        }
      })
      const take = yield* Source.open(source)
      const takeInTime = (index: number): Effect.Effect<ReadonlyArray<unknown>, MapError | E> =>
        deadline === undefined
          ? take(size)
          : Effect.timeoutOrElse(take(size), {
              duration: Math.max(0, deadline.at - pool.timers.now()),
              orElse: () => Effect.fail(failed(index, 0, late(target, deadline.length)))
            })

      const scope = yield* Effect.scope
      const room = yield* Semaphore.make(width)
      const parts = yield* Queue.bounded<Fiber.Fiber<Part>, MapError | E | Cause.Done>(width * AHEAD)
      const feed = Effect.gen(function* () {
        for (let index = 0; ;) {
          yield* Semaphore.take(room, 1)
          const asked = size
          const taken = yield* takeInTime(index)
          if (taken.length === 0) return yield* Queue.end(parts)
          const { items, refused } =
            each === "call" ? encode(target, taken) : { items: taken, refused: undefined }
          if (items.length > 0) {
            // After a failure its room is not given back: nothing is begun that nobody will see.
            const work = Effect.tap(perform(items, index, asked), ({ error }) =>
              error === undefined ? Semaphore.release(room, 1) : Effect.void
            )
            yield* Queue.offer(parts, yield* Effect.forkIn(work, scope, { startImmediately: true }))
            index += items.length
          }
          if (refused !== undefined) return yield* failed(index, 1, refused)
        }
      })
      yield* Effect.forkIn(
        Effect.catchCause(feed, (cause) => Queue.failCause(parts, cause)),
        scope
      )
      return Stream.fromPull(Effect.succeed(inOrder(parts)))
    })

  return (target, items, options) => Stream.unwrap(open(target, items, options))
}

/** The results of one chunk after the other; after those of one that has failed, its error. */
const inOrder = <E>(
  parts: Queue.Dequeue<Fiber.Fiber<Part>, E | Cause.Done>
): Pull.Pull<Arr.NonEmptyReadonlyArray<unknown>, MapError | E> => {
  let error: MapError | undefined
  const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<unknown>, MapError | E> = Effect.suspend(() =>
    error === undefined
      ? Effect.flatMap(Effect.flatMap(Queue.take(parts), Fiber.join), (part) => {
          error = part.error
          return Arr.isReadonlyArrayNonEmpty(part.results) ? Effect.succeed(part.results) : pull
        })
      : Effect.fail(error)
  )
  return pull
}

/** Makes what does one chunk, whose first item has that index; `asked` is how many items it was to have. */
const performer = (map: {
  readonly prepare: Prepare
  readonly dispatcher: Dispatcher
  readonly watch: CallWatch
  readonly timers: Timers
  readonly callee: Callee
  readonly options: Partial<CheckedMapOptions<unknown>>
  readonly waiting: Reentry.Waiting | undefined
  readonly failed: (index: number, count: number, reason: CallError) => MapError
  /** So many items took so many milliseconds in Python. */
  readonly onTook: (asked: number, items: number, took: number) => void
}) => {
  const { callee, dispatcher, failed, options, timers, watch } = map
  const check = options.result === undefined ? undefined : checkAll(callee.label, options.result)

  const perform = (items: ReadonlyArray<unknown>, first: number, asked: number): Effect.Effect<Part> =>
    watch.spanned(callee, (span) =>
      Effect.suspend(() => {
        const clock = timed(watch.begin(callee, span))
        const call = map.prepare(callee, items, options, map.waiting, clock.watched)
        if ("_tag" in call) {
          // Too much for one message, or with an item that cannot be sent, which is then found.
          if (call.reason === "arguments" && items.length > 1) return halves(items, first, asked)
          return told(
            clock.watched,
            Effect.succeed({ results: [], error: failed(first, items.length, call) })
          )
        }
        const part = Effect.map(answered(call, first, items.length), (answer) => {
          if (answer.error === undefined) map.onTook(asked, items.length, timers.now() - clock.begun())
          return answer
        })
        return told(clock.watched, check === undefined ? part : Effect.flatMap(part, checkPart(check, first)))
      })
    )

  const halves = (items: ReadonlyArray<unknown>, first: number, asked: number): Effect.Effect<Part> => {
    const middle = items.length >> 1
    return Effect.flatMap(perform(items.slice(0, middle), first, asked), (before) =>
      before.error !== undefined
        ? Effect.succeed(before)
        : Effect.map(perform(items.slice(middle), first + middle, asked), ({ error, results }) => ({
            results: [...before.results, ...results],
            error
          }))
    )
  }

  /** The answer to a call for so many items. */
  const answered = (call: Prepared, first: number, count: number): Effect.Effect<Part> => {
    let lists: Array<ReadonlyArray<unknown>> = []
    const once = Effect.callback<unknown, CallError>((resume) => {
      lists = []
      let missing = count
      const add = (value: unknown, least: number): ProtocolViolation | undefined => {
        if (!Array.isArray(value) || value.length < least || value.length > missing)
          return violation("map", `what came is no list of ${least} to ${missing} results`)
        missing -= value.length
        lists.push(value)
        return undefined
      }
      const request = call.request(resume, {
        credit: count,
        item: (frame) => {
          const read = Codec.byId(frame.codec).decode(frame)
          return "_tag" in read ? read : add(read.value, 1)
        },
        end: (value) => add(value, missing)
      })
      dispatcher.submit(request)
      return Effect.sync(() => dispatcher.abandon(request))
    })
    return Effect.map(Effect.result(call.attempts(() => once)), (answer) => {
      const results = lists.length === 1 ? (lists[0] ?? []) : lists.flat()
      if (Result.isSuccess(answer)) return { results, error: undefined }
      const reason = answer.failure
      const left = isOfOne(reason) ? 1 : count - results.length
      return { results, error: failed(first + results.length, left, reason) }
    })
  }

  const checkPart =
    (checked: ReturnType<typeof checkAll>, first: number) =>
    ({ error, results }: Part): Effect.Effect<Part> =>
      Effect.map(checked(results), (read) => ({
        results: read.results,
        error: read.refused === undefined ? error : failed(first + read.results.length, 1, read.refused)
      }))

  return perform
}

/** Whether an error is that of the one item after those that have results, and not of all that were sent. */
const isOfOne = (error: CallError): boolean =>
  (error._tag === "PythonError" || error._tag === "InvalidCall") && error.started === "maybe"

/** Reads results by a schema, up to the first that is not what it must be. */
const checkAll = (label: string, schema: Schema.Codec<unknown, unknown>) => {
  const all = Schema.decodeUnknownEffect(Schema.Array(schema))
  const one = Calls.check(label, "the result", schema)
  const upTo = (values: ReadonlyArray<unknown>) =>
    Effect.gen(function* () {
      const results: Array<unknown> = []
      for (const value of values) {
        const read = yield* Effect.result(one(value))
        if (Result.isFailure(read)) return { results, refused: read.failure }
        results.push(read.success)
      }
      return { results, refused: undefined }
    })
  return (
    values: ReadonlyArray<unknown>
  ): Effect.Effect<{ readonly results: ReadonlyArray<unknown>; readonly refused: InvalidCall | undefined }> =>
    Effect.matchEffect(all(values), {
      onSuccess: (results) => Effect.succeed({ results, refused: undefined }),
      onFailure: () => upTo(values)
    })
}

/** What is sent of items that are calls, up to the first that is none. In place of an item there may be the reason why it cannot be sent. */
const encode = (
  target: string,
  items: ReadonlyArray<unknown>
): { readonly items: ReadonlyArray<unknown>; readonly refused: InvalidCall | undefined } => {
  const calls: Array<unknown> = []
  for (const item of items) {
    if (item instanceof InvalidCall) return { items: calls, refused: item }
    if (!isCall(item)) return { items: calls, refused: Calls.invalid(target, "arguments", NO_CALL, "no") }
    calls.push([item.args ?? [], item.kwargs ?? null])
  }
  return { items: calls, refused: undefined }
}

const NO_CALL = 'the item is not { args, kwargs }, as each: "call" says'

const isCall = Schema.is(
  Schema.Struct({
    args: Schema.optional(Schema.Array(Schema.Unknown)),
    kwargs: Schema.optional(Schema.Record(Schema.String, Schema.Unknown))
  })
)

/** Watches when a worker gets a call, for whoever else watches it. */
const timed = (watched: Watched | undefined) => {
  let at = 0
  return {
    begun: () => at,
    watched: {
      trace: watched?.trace,
      tried: () => watched?.tried(),
      given: (worker: string, now: number) => {
        at = now
        watched?.given(worker, now)
      },
      ended: (exit: Exit.Exit<unknown, CallError>) => watched?.ended(exit)
    }
  }
}

const told = (watched: Watched, part: Effect.Effect<Part>): Effect.Effect<Part> =>
  Effect.onExit(part, (exit) =>
    Effect.sync(() => {
      const error = Exit.isSuccess(exit) ? exit.value.error : undefined
      watched.ended(error === undefined ? exit : Exit.fail(error.reason))
    })
  )

const late = (target: string, length: number): DeadlineExceeded =>
  stackless(() => new DeadlineExceeded({ reason: "waiting", target, deadline: Duration.millis(length) }))

const whole = (name: string, value: number, most: number): number => {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? "above 0" : `from 1 to ${most}`
  throw new TypeError(`map: ${name} must be a whole number ${range}, not ${String(value)}`)
}
