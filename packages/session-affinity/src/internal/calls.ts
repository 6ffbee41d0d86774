/** Calls as effects: they resolve a key, wait where they must, and give back what they took. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AffinityError } from "../AffinityError.ts"
import type { Assignment } from "../Binding.ts"
import type { Rules } from "../Mode.ts"
import { type Answer, isAssignment, isObstacle, type Obstacle, type Waiter } from "./obstacle.ts"
import * as Routing from "./routing.ts"
import type { Table } from "./table.ts"
import { enter, leave, reject, settle, startWaiting, stopWaiting } from "./waiting.ts"

/** For those who cannot wait. */
export const resolveNow = (
  table: Table,
  clock: Clock.Clock,
  key: string,
  rules: Rules
): Assignment | AffinityError => {
  const answer = attempt(table, clock, key, rules)
  if (isAssignment(answer)) return answer
  return reject(table, isObstacle(answer) ? answer.refusal(key, 0) : answer)
}

/** Begins when it is called: for use in an `Effect.suspend`, of which the shortest path takes one. */
export const resolve = (
  table: Table,
  clock: Clock.Clock,
  key: string,
  rules: Rules
): Effect.Effect<Assignment, AffinityError> => {
  const answer = attempt(table, clock, key, rules)
  if (isAssignment(answer)) return Effect.succeed(answer)
  if (!isObstacle(answer)) return Effect.fail(reject(table, answer))
  return guarded(table, clock, key, rules, () => undefined, Effect.succeed)
}

/** As {@link resolve}. */
export const withTarget = <A, E, R>(
  table: Table,
  clock: Clock.Clock,
  key: string,
  rules: Rules,
  use: (assignment: Assignment) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AffinityError, R> => {
  table.counters.resolutions++
  return guarded(table, clock, key, rules, (assignment) => Routing.lease(table, assignment), use)
}

const attempt = (table: Table, clock: Clock.Clock, key: string, rules: Rules): Answer => {
  const now = clock.currentTimeMillisUnsafe()
  table.counters.resolutions++
  const answer = Routing.resolve(table, key, rules, now)
  settle(table, now)
  return answer
}

/** Runs `use` at the key's target. What it takes is taken inside what `onExit` guards: an interruption between the two cannot leak it. */
const guarded = <A, E, R>(
  table: Table,
  clock: Clock.Clock,
  key: string,
  rules: Rules,
  lease: (assignment: Assignment) => ((now: number) => void) | undefined,
  use: (assignment: Assignment) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AffinityError, R> => {
  let release: ((now: number) => void) | undefined
  let wait: Wait | undefined
  const take = (now: number, inLine: boolean): Answer => {
    const answer = Routing.resolve(table, key, rules, now, inLine)
    if (isAssignment(answer)) release = lease(answer)
    return answer
  }
  const leased = Effect.suspend((): Effect.Effect<A, E | AffinityError, R> => {
    const now = clock.currentTimeMillisUnsafe()
    const answer = take(now, false)
    if (isObstacle(answer)) {
      const refused = startWaiting(table, key)
      if (refused === undefined) {
        wait = new Wait(table, key, now, (now) => take(now, true))
        enter(table, wait, answer)
        settle(table, now)
        return Effect.flatMap(wait.over(clock), use)
      }
      settle(table, now)
      return Effect.fail(reject(table, refused))
    }
    settle(table, now)
    return isAssignment(answer) ? use(answer) : Effect.fail(reject(table, answer))
  })
  return Effect.onExitPrimitive(leased, () => {
    const now = clock.currentTimeMillisUnsafe()
    wait?.giveUp(now)
    release?.(now)
    return undefined
  })
}

/** A call in line, and how its fiber comes to know that it need wait no more. */
class Wait implements Waiter {
  readonly key: string
  readonly attempt: (now: number) => Answer
  on: Obstacle | undefined = undefined
  slot: number | undefined = undefined
  private readonly table: Table
  private readonly since: number
  private end: Effect.Effect<Assignment, AffinityError> | undefined = undefined
  private notify: (() => void) | undefined = undefined

  constructor(table: Table, key: string, now: number, attempt: Waiter["attempt"]) {
    this.table = table
    this.key = key
    this.since = now
    this.attempt = attempt
  }

  resume(answer: Assignment | AffinityError): void {
    this.finish(isAssignment(answer) ? Effect.succeed(answer) : Effect.fail(reject(this.table, answer)))
  }

  die(defect: unknown): void {
    this.finish(Effect.die(defect))
  }

  /** Leaves the line, if it is still in it. */
  giveUp(now: number): void {
    if (this.end !== undefined) return
    leave(this.table, this, now)
    this.finish(Effect.interrupt)
    settle(this.table, now)
  }

  /** Waits for the end, but no longer than `waitFor`. */
  over(clock: Clock.Clock): Effect.Effect<Assignment, AffinityError> {
    const end = Effect.withFiber<Assignment, AffinityError>((fiber) =>
      Effect.callback((resume) => {
        const { currentDispatcher } = fiber
        this.notify = () => currentDispatcher.scheduleTask(() => resume(this.end ?? Effect.interrupt), 0)
        if (this.end !== undefined) this.notify()
      })
    )
    const { waitFor } = this.table.settings
    if (waitFor === Number.POSITIVE_INFINITY) return end
    const late = Effect.suspend((): Effect.Effect<Assignment, AffinityError> => {
      // One that was let in at the last moment goes in.
      if (this.on === undefined) return Effect.never
      const waited = clock.currentTimeMillisUnsafe() - this.since
      return Effect.fail(reject(this.table, this.on.refusal(this.key, waited)))
    })
    return Effect.raceFirst(end, Effect.andThen(clock.sleep(Duration.millis(waitFor)), late))
  }

  private finish(end: Effect.Effect<Assignment, AffinityError>): void {
    this.end = end
    stopWaiting(this.table)
    this.notify?.()
  }
}
