/**
 * How many workers a pool has: more when calls wait, fewer when the busiest moment of a while had no need of them. The rules are plain
 * functions; {@link make} asks them when calls wait, and from time to time while there are more workers than the least.
 */
import type { Timer, Timers } from "../internal/Timers.ts"
import type { Worker } from "../worker/Worker.ts"
import * as WorkerState from "../worker/WorkerState.ts"

/** The size of a pool. */
export interface Size {
  readonly min: number
  readonly max: number
  /** After how long workers that were not needed leave, in milliseconds. */
  readonly idleTimeout: number
  /** Workers that are kept ready beyond those that run something. */
  readonly spare: number
}

/** How long calls wait, without a moment in which none does, before workers are started for them; in milliseconds. */
export const GROW_AFTER = 50
/** How often it is looked, in the time of `idleTimeout`, how many workers were needed. */
export const LOOKS = 6

/** What there is to do. */
export interface Demand {
  readonly max: number
  /** Calls that a worker runs at once. */
  readonly concurrency: number
  /** Workers that serve, and workers that are being started. */
  readonly ready: number
  readonly starting: number
  /** Calls that wait and that one more worker could run. */
  readonly waiting: number
  /** For how long there have been such calls, in milliseconds. */
  readonly waitedFor: number
}

/**
 * How many workers to start: one for each call that waits and is not provided for, once calls have waited for {@link GROW_AFTER}; but at any
 * time no more than serve already, so that a pool doubles and does not stampede.
 */
export const growth = (demand: Demand): number => {
  const { concurrency, max, ready, starting, waitedFor, waiting } = demand
  if (waitedFor < GROW_AFTER) return 0
  const wanted = Math.ceil(waiting / concurrency)
  return Math.max(0, Math.min(wanted, max - ready, Math.max(1, ready)) - starting)
}

/** How many workers may leave, when there were at most `peak` calls at once; the least stay, and those to spare. */
export const surplus = (options: {
  readonly min: number
  readonly concurrency: number
  readonly ready: number
  readonly peak: number
  readonly spare: number
}): number =>
  Math.max(
    0,
    options.ready - Math.max(options.min, Math.ceil(options.peak / options.concurrency) + options.spare)
  )

/** What scaling is made of. */
export interface ScalingOptions extends Size {
  readonly timers: Timers
  readonly concurrency: number
  /** How many workers serve. */
  readonly ready: () => number
  /** Those, the oldest first. */
  readonly workers: () => Iterable<Worker>
  readonly starting: () => number
  /** Calls that wait and that one more worker could run; and since when there have been such calls. */
  readonly waiting: () => { readonly count: number; readonly since: number }
  /** The most calls that workers had at once since this was last asked. */
  readonly peak: () => number
  /** Whether something lives on a worker that would go with it. */
  readonly isHeld: (worker: Worker) => boolean
  /** Starts so many more workers. */
  readonly grow: (count: number) => void
  /** Lets an idle worker leave. */
  readonly retire: (worker: Worker) => void
}

/** The scaling of one pool. */
export interface Scaling {
  /** A call waits. */
  readonly onWaiting: () => void
  /** A worker is ready. */
  readonly onReady: () => void
  /** A worker has something to do that had nothing. */
  readonly onBusy: () => void
  /** Whether fewer workers are idle than there are to spare. */
  readonly isShort: () => boolean
}

/** Makes it. A pool of one size costs nothing. */
export const make = (options: ScalingOptions): Scaling => {
  const { concurrency, idleTimeout, max, min, spare, timers } = options
  if (min === max)
    return {
      onWaiting: () => undefined,
      onReady: () => undefined,
      onBusy: () => undefined,
      isShort: () => false
    }
  let growing: Timer | undefined
  let looking: Timer | undefined
  let peaks: Array<number> = []

  const waitToGrow = (delay: number): void => {
    growing = timers.after(delay, () => {
      growing = undefined
      const { count: waiting, since } = options.waiting()
      if (waiting === 0) return
      const waitedFor = timers.now() - since
      const ready = options.ready()
      const starting = options.starting()
      const count = growth({ max, concurrency, ready, starting, waiting, waitedFor })
      if (count > 0) options.grow(count)
      if (ready + starting + count < max)
        waitToGrow(Math.max(1, waitedFor < GROW_AFTER ? GROW_AFTER - waitedFor : GROW_AFTER))
    })
  }

  const look = (): void => {
    looking = timers.after(idleTimeout / LOOKS, () => {
      looking = undefined
      peaks = [...peaks, options.peak()].slice(-LOOKS)
      if (peaks.length === LOOKS) leave(Math.max(...peaks))
      if (options.ready() > min) return look()
      peaks = []
    })
  }

  // Those that came last leave first.
  const leave = (peak: number): void => {
    const ready = [...options.workers()]
    let left = surplus({ min, concurrency, ready: ready.length, peak, spare })
    for (const worker of ready.toReversed()) {
      if (left === 0) return
      if (!WorkerState.isAvailable(worker.state()) || worker.load() > 0 || options.isHeld(worker)) continue
      left--
      options.retire(worker)
    }
  }

  const missing = (): number => {
    let idle = options.starting()
    for (const worker of options.workers())
      if (WorkerState.isAvailable(worker.state()) && worker.load() === 0) idle++
    return Math.max(0, spare - idle)
  }

  const fillUp = (): void => {
    if (spare === 0) return
    const count = Math.min(missing(), max - options.ready() - options.starting())
    if (count > 0) options.grow(count)
  }

  return {
    onWaiting: () => {
      if (growing === undefined && options.ready() + options.starting() < max) waitToGrow(GROW_AFTER)
    },
    onBusy: fillUp,
    isShort: () => spare > 0 && missing() > 0,
    onReady: () => {
      fillUp()
      if (looking !== undefined || options.ready() <= min) return
      options.peak()
      look()
    }
  }
}
