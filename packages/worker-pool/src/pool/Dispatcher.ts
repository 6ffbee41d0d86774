/**
 * Gives calls to workers, those that wait in the order of the {@link Backlog}; a session's calls wait for its own worker. Synchronous, in
 * callbacks: a call that finds a worker with room passes through without a queue, a fiber or a timer.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DeadlineExceeded, PoolUnavailable, QueueFull, SessionError, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { End } from "../transport/Transport.ts"
import type { Outcome, StreamAssignment } from "../worker/Assignment.ts"
import type { Worker } from "../worker/Worker.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import * as Backlog from "./Backlog.ts"
import * as Reentry from "./Reentry.ts"
import type { Request } from "./Request.ts"
import * as Requests from "./Request.ts"

/** The dispatcher of one pool. */
export interface Dispatcher {
  /** Takes a call in. It is settled once, now or later. */
  readonly submit: (request: Request) => void
  /** The caller has left: the call is taken from the queue, or its worker told to stop. It is not settled any more. */
  readonly abandon: (request: Request) => void
  /** Asks for so many more items of a stream. */
  readonly credit: (request: Request, count: number) => void
  /** The worker can take a call, or be sent one ahead. */
  readonly offer: (worker: Worker) => void
  /** The worker is gone: what waited for it alone is lost. */
  readonly retire: (worker: Worker) => void
  /** While this is set, calls that find no worker alive fail with it at once instead of waiting. */
  readonly setUnavailable: (error: ((target: string) => CallError) | undefined) => void
  /** Why a call that needs any worker would fail at once; `undefined` if it would not. */
  readonly refusal: (target: string) => CallError | undefined
  /** Waits until {@link Dispatcher.setUnavailable} or {@link Dispatcher.close} is called. */
  readonly change: Effect.Effect<void>
  /** Refuses everything from now on. */
  readonly close: () => void
  /** The calls that wait and that a worker with room could run, and since when there have been such calls. */
  readonly waiting: Backlog.Backlog["waiting"]
  /** For how long there has been a call that any worker could run and none does, in milliseconds; 0 if there is none. */
  readonly waitingFor: () => number
  /** The most calls that workers had at once since this was last asked. */
  readonly peak: () => number
  readonly queued: () => number
  readonly running: () => number
}

/** What a dispatcher is made of. */
export interface DispatcherOptions extends Backlog.BacklogOptions {
  readonly timers: Timers
  /** Most calls that wait. */
  readonly limit: number
  /** Longest wait, in milliseconds. */
  readonly timeout: number
  readonly workers: () => Iterable<Worker>
  /** A call has to wait. */
  readonly onWait: () => void
  /** Calls the function of that name, which Python asks for, and for which these calls wait. */
  readonly callback: (name: string, args: ReadonlyArray<unknown>, waiting: Reentry.Waiting) => unknown
}

/** Makes a dispatcher. */
export const make = (options: DispatcherOptions): Dispatcher => {
  const { timers } = options
  const backlog = Backlog.make(options)
  // Workers with room for another call. One that drains or stops stays here until it is met.
  const open = new Set<Worker>()
  // Calls that workers have, running or sent ahead.
  let assigned = 0
  let peak = 0
  let closed = false
  const waiters = new Set<() => void>()
  let unavailable: ((target: string) => CallError) | undefined

  const settle = (request: Request, result: Exit.Exit<unknown, CallError>): void => {
    if (request.place._tag === "Settled") return
    leave(request)
    request.settle(result)
  }

  const leave = (request: Request): void => {
    backlog.remove(request)
    request.place = Requests.SETTLED
    unlimit(request)
  }

  const unlimit = (request: Request): void => {
    if (request.timer === undefined) return
    timers.cancel(request.timer)
    request.timer = undefined
  }

  const fail = (request: Request, build: () => CallError): void =>
    settle(request, Exit.fail(stackless(build)))

  const run = (request: Request, worker: Worker): void => {
    const now = timers.now()
    backlog.start(request, now)
    unlimit(request)
    limitRun(request, now)
    assign(request, worker, now)
    // Behind the others: of those with the same load, the one that was given a call last is the last to get one. One that was never offered
    // stays outside: what it runs makes it ready.
    if (open.delete(worker) && WorkerState.isAvailable(worker.state())) open.add(worker)
  }

  const limitRun = (request: Request, now = timers.now()): void => {
    const left = Math.min(
      request.deadline === undefined ? Number.POSITIVE_INFINITY : request.deadline.at - now,
      request.runLimit
    )
    if (left === Number.POSITIVE_INFINITY) return
    const length = request.deadline?.length ?? request.runLimit
    request.timer = timers.after(left, () => {
      stop(request)
      fail(request, () => exceeded(request, "running", length))
    })
  }

  const assign = (request: Request, worker: Worker, now: number): void => {
    if (++assigned > peak) peak = assigned
    const id = worker.assign({
      kind: request.kind,
      codec: request.codec,
      payload: request.payload(now),
      target: request.target,
      isPreparation: request.isPreparation,
      callback: (name, args) =>
        options.callback(name, args, Reentry.enter(worker, request.session, request.target, request.waiting)),
      stream: streamOf(request),
      settle: (outcome: Outcome) => {
        assigned--
        backlog.finish(request)
        if (outcome._tag === "NotBegun") return { resume: () => submitAgain(request), broken: undefined }
        const { broken, result } = Requests.interpret(request, worker.id, outcome)
        const resume = (): void => {
          offerNext()
          settle(request, result)
        }
        return { resume, broken }
      }
    })
    request.place = { _tag: "Running", worker, id }
    request.given?.(worker.id, now)
  }

  // The limits of its wait go on: the worker may be busy for longer than it seems.
  const sendAhead = (request: Request, worker: Worker): void => {
    const now = timers.now()
    backlog.start(request, now)
    assign(request, worker, now)
  }

  // It has waited in a worker for nothing. Its limits still hold.
  const submitAgain = (request: Request): void => {
    if (request.place._tag === "Settled") return
    if (closed) return fail(request, () => poolClosed(request.target))
    backlog.putBack(request, timers.now())
    options.onWait()
    const worker = leastLoaded()
    if (worker !== undefined) return offer(worker)
    const refused = refusal(request.target)
    if (refused !== undefined) settle(request, Exit.fail(refused))
  }

  const enqueue = (request: Request): void => {
    const queued = backlog.size()
    const alone = !backlog.hasNext()
    if (queued >= options.limit && !request.patient) {
      return fail(
        request,
        () => new QueueFull({ reason: "limit", target: request.target, queued, waited: Duration.zero })
      )
    }
    backlog.add(request, timers.now())
    options.onWait()
    if (alone && Requests.laneOf(request) === undefined) offerAhead()
    const left =
      request.deadline === undefined ? Number.POSITIVE_INFINITY : request.deadline.at - timers.now()
    // One timer is enough: whichever limit comes first ends the wait.
    const patience = request.patient ? Number.POSITIVE_INFINITY : options.timeout
    if (Math.min(patience, left) === Number.POSITIVE_INFINITY) return
    request.timer = timers.after(Math.min(patience, left), () => {
      if (hasBegun(request)) return limitRun(request)
      stop(request)
      fail(request, () =>
        left <= patience && request.deadline !== undefined
          ? exceeded(request, "waiting", request.deadline.length)
          : new QueueFull({
              reason: "timeout",
              target: request.target,
              queued: backlog.size(),
              waited: Duration.millis(patience)
            })
      )
    })
  }

  const someoneLives = (): boolean => {
    for (const worker of options.workers()) if (!isGone(worker)) return true
    return false
  }

  const refusal = (target: string): CallError | undefined => {
    if (closed) return stackless(() => poolClosed(target))
    const build = unavailable
    return build === undefined || someoneLives() ? undefined : stackless(() => build(target))
  }

  const ahead = (): number => {
    let count = 0
    for (const worker of options.workers()) count += worker.load() - worker.running()
    return count
  }

  const notify = (): void => {
    // Whoever finds nothing waits again, at once: for the next change, not for this one without end.
    const told = [...waiters]
    waiters.clear()
    for (const waiter of told) waiter()
  }

  // The one that runs the fewest calls; of several, the one that was offered first.
  const leastLoaded = (): Worker | undefined => {
    let best: Worker | undefined
    for (const worker of open) {
      if (!WorkerState.isAvailable(worker.state())) open.delete(worker)
      else if (best === undefined || worker.load() < best.load()) best = worker
      if (best?.load() === 0) break
    }
    return best
  }

  const offer = (worker: Worker): void => {
    while (worker.state() === "draining" && worker.hasRoom()) {
      const own = backlog.nextOf(worker)
      if (own === undefined) return
      run(own, worker)
    }
    while (WorkerState.isAvailable(worker.state())) {
      const first = backlog.next(worker)
      if (first === undefined) return void open.add(worker)
      run(first, worker)
    }
    // A session's call waits for its turn here, and those that came later with it.
    while (worker.spare() > 0) {
      const first = backlog.next(worker)
      if (first === undefined || Requests.laneOf(first) !== undefined) return
      sendAhead(first, worker)
    }
  }

  // The end of a call of a function with a limit may let another one run, which then waits for no worker.
  const offerNext = (): void => {
    if (backlog.size() === 0 || !backlog.hasNext()) return
    const worker = leastLoaded()
    if (worker !== undefined) offer(worker)
  }

  // Nobody has room: the one with the most to spare may take it ahead.
  const offerAhead = (): void => {
    let best: Worker | undefined
    for (const worker of options.workers()) {
      if (worker.spare() > 0 && (best === undefined || worker.load() < best.load())) best = worker
    }
    if (best !== undefined) offer(best)
  }

  return {
    submit: (request) => {
      if (closed) return fail(request, () => poolClosed(request.target))
      if (request.deadline !== undefined && request.deadline.at <= timers.now()) {
        const { length } = request.deadline
        return fail(request, () => exceeded(request, "waiting", length))
      }
      const lane = Requests.laneOf(request)
      if (lane !== undefined) {
        const { worker } = lane
        if (isGone(worker)) return fail(request, () => gone(request, worker))
        return worker.hasRoom() && !backlog.mustWait(request) ? run(request, worker) : enqueue(request)
      }
      const worker = leastLoaded()
      if (worker !== undefined) return backlog.mustWait(request) ? enqueue(request) : run(request, worker)
      const refused = refusal(request.target)
      if (refused !== undefined) return settle(request, Exit.fail(refused))
      enqueue(request)
    },
    abandon: (request) => {
      if (request.place._tag === "Settled") return
      stop(request)
      leave(request)
    },
    credit: ({ place }, count) => {
      if (place._tag === "Running") place.worker.credit(place.id, count)
    },
    offer,
    retire: (worker) => {
      open.delete(worker)
      for (const request of backlog.pinnedTo(worker)) fail(request, () => gone(request, worker))
      backlog.forget(worker)
    },
    setUnavailable: (error) => {
      unavailable = error
      notify()
      if (error === undefined || someoneLives()) return
      for (const request of backlog.shared()) fail(request, () => error(request.target))
    },
    close: () => {
      closed = true
      notify()
      for (const request of backlog.all()) fail(request, () => poolClosed(request.target))
    },
    refusal,
    change: Effect.callback<void>((resume) => {
      const waiter = (): void => resume(Effect.void)
      waiters.add(waiter)
      return Effect.sync(() => waiters.delete(waiter))
    }),
    waiting: backlog.waiting,
    waitingFor: () => {
      const { count, since } = backlog.waiting()
      return count === 0 ? 0 : timers.now() - since
    },
    peak: () => {
      const most = peak
      peak = assigned
      return most
    },
    queued: () => backlog.size() + ahead(),
    running: () => assigned - ahead()
  }
}

/** Tells the worker of a call that runs to stop it. */
const stop = ({ place }: Request): void => {
  if (place._tag === "Running") place.worker.cancel(place.id)
}

/** Items that come when their caller has left are not even read. */
const streamOf = (request: Request): StreamAssignment | undefined => {
  const { stream } = request
  return stream === undefined
    ? undefined
    : {
        credit: stream.credit,
        item: (frame) => (request.place._tag === "Settled" ? undefined : stream.item(frame))
      }
}

const hasBegun = ({ place }: Request): boolean => place._tag === "Running" && place.worker.hasBegun(place.id)

const isGone = (worker: Worker): boolean => !WorkerState.isAlive(worker.state())

const exceeded = (request: Request, reason: DeadlineExceeded["reason"], length: number): DeadlineExceeded =>
  new DeadlineExceeded({ reason, target: request.target, deadline: Duration.millis(length) })

const poolClosed = (target: string): PoolUnavailable =>
  new PoolUnavailable({
    reason: "closed",
    target,
    retryAfter: Duration.infinity,
    detail: "the pool is closed"
  })

/** The only worker that could have run it is gone. */
const gone = (request: Request, worker: Worker): CallError =>
  request.session === undefined
    ? Requests.lost(request, worker.id, ENDED, "no", false)
    : new SessionError({
        reason: "lost",
        key: request.session.key,
        target: request.target,
        detail: "its worker is gone, and its state with it"
      })

const ENDED: End = { reason: "exit", exitCode: null, signal: null, detail: "it ended before", stderr: "" }
