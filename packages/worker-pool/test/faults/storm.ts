/**
 * Calls of every kind, most of which are cancelled at some moment: each must get the answer to its own question or none, and its worker one
 * terminal frame for it.
 */
import type { CallError } from "@fireweed/worker-pool"
import { WorkerPool } from "@fireweed/worker-pool"
import { Frame, Kind } from "@fireweed/worker-pool/protocol"
import { Process } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import process from "node:process"
import { inspect, isDeepStrictEqual } from "node:util"
import { fixtures, record, until, whole } from "../support.ts"

/** What a call may be busy with. */
export const WORKS = ["quick", "spin", "nap", "async_nap", "backtrack", "flow", "session"] as const
export type Work = (typeof WORKS)[number]

/** What came of a storm. */
export interface Figures {
  readonly calls: number
  /** Calls that were answered, each with its own number. */
  readonly answered: number
  /** Calls whose caller left, or whose deadline passed. */
  readonly cancelled: number
  /** What was answered wrongly, and how. */
  readonly wrong: ReadonlyArray<string>
  /** CANCEL frames that were sent. */
  readonly cancels: number
  /** Those that came too late: the result was on its way. */
  readonly late: number
  /** Calls with no terminal frame, or with more than one. */
  readonly unbalanced: number
  /** Time from CANCEL to the terminal frame, in milliseconds, sorted. */
  readonly times: ReadonlyMap<Work, ReadonlyArray<number>>
  /** Workers that were not there any more at the end. */
  readonly lost: number
  /** Threads, descriptors and places in the pool that were not given back. */
  readonly leaks: ReadonlyArray<string>
}

/** So many calls, in an order, of kinds and cancelled at moments that the seed decides. */
export const run = (options: { readonly calls: number; readonly seed: string; readonly python: string }) =>
  Effect.gen(function* () {
    const plans = yield* Random.withSeed(
      Effect.forEach(Array.from({ length: options.calls }), (_, number) => plan(number)),
      options.seed
    )
    const tap = watch(options.python)
    const pool = yield* WorkerPool.make({
      size: SIZE,
      pythonPath: [fixtures],
      output: "ignore",
      cancelGrace: "30 seconds",
      queue: { timeout: "60 seconds" },
      connect: tap.connect
    })
    yield* whole(pool, SIZE)
    const events = yield* record(pool)
    const desks = yield* Effect.forEach(Array.from({ length: WIDTH }), (_, index) =>
      pool.session(`desk ${index}`, "faults:Desk")
    )
    yield* Effect.forEach(desks, (desk) => desk.call("warm"), { discard: true })
    const before = yield* belongings(desks)

    const wrong: Array<string> = []
    let answered = 0
    let cancelled = 0
    yield* Effect.forEach(
      plans,
      (plan) =>
        Effect.map(carryOut(pool, desks, plan), (exit) => {
          const outcome = judge(plan, exit)
          if (outcome === "answered") answered++
          else if (outcome === "cancelled") cancelled++
          else wrong.push(`${inspect(plan)}: ${outcome}`)
        }),
      { concurrency: WIDTH, discard: true }
    )

    yield* until("the last calls to end", () => tap.open() === 0)
    const { queued, running } = yield* pool.snapshot
    const after = yield* belongings(desks)
    const leaks = [
      ...(queued === 0 && running === 0 ? [] : [`${queued} calls wait, ${running} run`]),
      ...(isDeepStrictEqual(after, before) ? [] : [`${inspect(before)} became ${inspect(after)}`])
    ]
    const lost = events.filter(({ _tag }) => _tag === "WorkerGone").length
    const figures: Figures = {
      calls: plans.length,
      answered,
      cancelled,
      wrong,
      lost,
      leaks,
      ...tap.figures()
    }
    return figures
  })

const SIZE = 2
/** Calls under way at any time: most run, and one of a session may wait for its worker. */
const WIDTH = 2

// --- what is done

interface Plan {
  readonly number: number
  readonly work: Work
  /** How long the call takes, in seconds; for `backtrack`, so many letters. */
  readonly size: number
  readonly cancel: "not" | "interrupt" | "deadline"
  /** When, in milliseconds. */
  readonly after: number
}

const SHARES: ReadonlyArray<readonly [work: Work, share: number]> = [
  ["quick", 0.33],
  ["spin", 0.2],
  ["nap", 0.2],
  ["async_nap", 0.1],
  ["session", 0.1],
  ["flow", 0.06],
  ["backtrack", 0.01]
]

const plan = (number: number): Effect.Effect<Plan> =>
  Effect.map(
    Effect.all([Random.next, Random.next, Random.next, Random.next]),
    ([which, how, length, moment]) => {
      let left = which
      const work = SHARES.find(([, share]) => (left -= share) < 0)?.[0] ?? "quick"
      const cancel = how < 0.4 ? "not" : how < 0.85 ? "interrupt" : "deadline"
      return {
        number,
        work,
        // Long enough that only a cancellation ends it.
        size: work === "backtrack" ? 40 : length * 0.008,
        cancel: work === "backtrack" && cancel === "not" ? "interrupt" : cancel,
        after: moment * (work === "quick" ? 0.5 : work === "backtrack" ? 40 : length * 10)
      }
    }
  )

const ask = (
  pool: WorkerPool.WorkerPool,
  desks: ReadonlyArray<WorkerPool.Session>,
  { after, cancel, number, size, work }: Plan
): Effect.Effect<unknown, CallError.CallError> => {
  const options = cancel === "deadline" ? { deadline: after } : {}
  if (work === "quick") return pool.call("faults:quick", [number], options)
  if (work === "flow") {
    const items = Stream.runCollect(pool.stream("faults:flow", [number, size], options))
    const whole = Array.from({ length: 5 }, (_, index) => [number, index])
    return Effect.map(items, (got) => (isDeepStrictEqual(got, whole) ? [number] : got))
  }
  if (work !== "session") return pool.call(`faults:${work}`, [number, size], options)
  const desk = desks[number % desks.length]
  return desk === undefined ? Effect.die(new Error("no session")) : desk.call("nap", [number, size], options)
}

const carryOut = (
  pool: WorkerPool.WorkerPool,
  desks: ReadonlyArray<WorkerPool.Session>,
  plan: Plan
): Effect.Effect<Exit.Exit<unknown, CallError.CallError>> => {
  const call = ask(pool, desks, plan)
  if (plan.cancel !== "interrupt") return Effect.exit(call)
  return Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    // No timer is as short as a quick call.
    yield* plan.after < 0.5
      ? Effect.repeat(Effect.yieldNow, { times: Math.floor(plan.after * 40) })
      : Effect.sleep(plan.after)
    yield* Fiber.interrupt(fiber)
    return yield* Fiber.await(fiber)
  })
}

/** What came of a call; anything but the two words is wrong. */
const judge = ({ cancel, number }: Plan, exit: Exit.Exit<unknown, CallError.CallError>): string => {
  if (Exit.isSuccess(exit)) {
    return isDeepStrictEqual(exit.value, [number]) ? "answered" : `got ${inspect(exit.value)}`
  }
  if (cancel === "interrupt" && Cause.hasInterruptsOnly(exit.cause)) return "cancelled"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (cancel === "deadline" && error?._tag === "DeadlineExceeded") return "cancelled"
  return String(exit.cause)
}

const Belongings = { result: Schema.Array(Schema.Int) }

/** Threads and descriptors of each worker. */
const belongings = (desks: ReadonlyArray<WorkerPool.Session>) =>
  // A call that was cancelled has a thread that insists, for a moment more.
  Effect.delay(
    Effect.forEach(desks, (desk) => desk.call("belongings", [], Belongings)),
    "1 second"
  )

// --- what is seen on the wire

interface Seen {
  readonly work: Work | undefined
  /** When its CANCEL was sent. */
  cancelled: number | undefined
  terminals: number
}

/** A transport to real processes that notes when each call is sent, cancelled and ended. */
const watch = (python: string) => {
  const connect = Process.connect({
    interpreter: python,
    cwd: process.cwd(),
    env: {},
    maxFrame: Frame.DEFAULT_MAX_FRAME
  })
  const times = new Map<Work, Array<number>>(WORKS.map((work) => [work, []]))
  let open = 0
  let cancels = 0
  let late = 0
  let unbalanced = 0

  const watched: Transport.Connect = (identity, events) => {
    const calls = new Map<number, Seen>()

    const onTerminal = (frame: Frame.Frame): void => {
      const call = calls.get(frame.id)
      if (call === undefined) return
      if (call.terminals++ > 0) return void unbalanced++
      open--
      if (call.cancelled === undefined) return
      if (frame.kind !== Kind.Reply.error) late++
      if (call.work !== undefined) times.get(call.work)?.push(performance.now() - call.cancelled)
    }

    return Effect.map(
      connect(identity, {
        ...events,
        onFrame: (frame) => {
          if (
            frame.kind === Kind.Reply.result ||
            frame.kind === Kind.Reply.error ||
            frame.kind === Kind.Reply.end
          )
            onTerminal(frame)
          events.onFrame(frame)
        }
      }),
      (transport) => ({
        ...transport,
        send: (frame) => {
          if (frame.kind === Kind.Request.call) {
            open++
            calls.set(frame.id, { work: workOf(frame), cancelled: undefined, terminals: 0 })
          } else if (frame.kind === Kind.Request.cancel) {
            cancels++
            const call = calls.get(frame.id)
            if (call !== undefined) call.cancelled ??= performance.now()
          }
          transport.send(frame)
        }
      })
    )
  }

  return {
    connect: watched,
    open: () => open,
    figures: () => ({
      cancels,
      late,
      unbalanced: unbalanced + open,
      times: new Map([...times].map(([work, all]) => [work, all.toSorted((a, b) => a - b)] as const))
    })
  }
}

/** The name of the function is in the frame, as text. */
const workOf = (frame: Frame.Outgoing): Work | undefined => {
  const meta = Buffer.concat(frame.pieces)
  return (
    WORKS.find((work) => meta.includes(`faults:${work}`)) ?? (meta.includes("desk ") ? "session" : undefined)
  )
}
