/**
 * The heartbeat of a pool: one sweep over its workers at a time, only while one of them runs something. So a call costs no timer and no
 * look at the clock, and an idle pool has neither.
 */
import type { Timers } from "../internal/Timers.ts"
import * as Health from "./Health.ts"
import type { Worker } from "./Worker.ts"

/** The heartbeat of one pool. */
export interface Heartbeat {
  /** A worker has something to do. */
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
  let last = 0

  const again = (): void => {
    asleep = false
    last = timers.now()
    timers.after(limits.interval, sweep)
  }

  const sweep = (): void => {
    const elapsed = timers.now() - last
    asleep = true
    for (const worker of workers()) {
      const observation = { oldest: worker.oldest(), heard: worker.heard(), elapsed }
      const { action, health } = Health.next(observation, known.get(worker) ?? Health.UNKNOWN, limits)
      known.set(worker, health)
      act(worker, action, health)
      if (observation.oldest !== undefined) asleep = false
    }
    if (!asleep) again()
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

  return {
    wake: () => {
      if (asleep) again()
    },
    healthOf: (worker) => {
      const health = known.get(worker) ?? Health.UNKNOWN
      const oldest = worker.oldest()
      if (oldest === undefined || oldest !== health.oldest) return { ...Health.UNKNOWN, oldest }
      const runningFor = health.runningFor + timers.now() - last
      const { missed, silentFor } = worker.heard() === health.heard ? health : Health.UNKNOWN
      return { ...health, runningFor, missed, silentFor }
    }
  }
}
