/**
 * The heartbeat of a pool: one sweep over its workers at a time, often while one of them runs something or was asked for a sign of life, now
 * and then while none does. So a call costs no timer and no look at the clock.
 */
import type { Timer, Timers } from "../internal/Timers.ts"
import * as Health from "./Health.ts"
import type { Worker } from "./Worker.ts"

/** The heartbeat of one pool. */
export interface Heartbeat {
  /** A worker has something to do that had nothing. */
  readonly wake: () => void
  /** What is known of a worker now. */
  readonly healthOf: (worker: Worker) => Health.Health
}

/** What a heartbeat is made of. */
export interface HeartbeatOptions extends Health.Limits {
  readonly timers: Timers
  readonly workers: () => Iterable<Worker>
  /** It does not answer, and has not for this many milliseconds. */
  readonly onUnresponsive: (worker: Worker, silentFor: number) => void
  /** It answers again. */
  readonly onResponsive: (worker: Worker) => void
}

/** Makes a heartbeat. */
export const make = ({
  onResponsive,
  onUnresponsive,
  timers,
  workers,
  ...limits
}: HeartbeatOptions): Heartbeat => {
  const known = new WeakMap<Worker, Health.Health>()
  let asleep = true
  let planned = 0
  let last = 0
  let timer: Timer | undefined

  const again = (): void => {
    if (timer !== undefined) timers.cancel(timer)
    planned = asleep ? limits.idle : limits.interval
    last = timers.now()
    timer = planned === Number.POSITIVE_INFINITY ? undefined : timers.after(planned, sweep)
  }

  const sweep = (): void => {
    timer = undefined
    const elapsed = timers.now() - last
    asleep = true
    for (const worker of workers()) {
      const observation = { oldest: worker.oldest(), heard: worker.heard(), elapsed, planned }
      const { action, health } = Health.next(observation, known.get(worker) ?? Health.UNKNOWN, limits)
      known.set(worker, health)
      act(worker, action, health)
      if (observation.oldest !== undefined || health.missed > 0) asleep = false
    }
    again()
  }

  const act = (worker: Worker, action: Health.Action, { silentFor }: Health.Health): void => {
    switch (action) {
      case "none":
        return
      case "ping":
        return worker.ping()
      case "unresponsive":
        return onUnresponsive(worker, silentFor)
      case "responsive":
        return onResponsive(worker)
      case "kill":
        return worker.giveUp(silentFor)
    }
  }

  again()

  return {
    wake: () => {
      if (!asleep) return
      asleep = false
      again()
    },
    healthOf: (worker) => {
      const health = known.get(worker) ?? Health.UNKNOWN
      const oldest = worker.oldest()
      if (oldest !== health.oldest) return { ...Health.UNKNOWN, oldest }
      const runningFor = oldest === undefined ? 0 : health.runningFor + timers.now() - last
      const { missed, silentFor } = worker.heard() === health.heard ? health : Health.UNKNOWN
      return { ...health, runningFor, missed, silentFor }
    }
  }
}
