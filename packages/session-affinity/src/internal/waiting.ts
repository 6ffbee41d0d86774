/**
 * Lines of calls that wait: for a busy target, in order of arrival, or behind the movement of their key.
 *
 * Who ends a wait resolves the waiter's key again for it, then and there, lease included: so nobody who comes later is served first, and
 * nothing is given to two. What a deed makes possible is looked at once the deed is done, by {@link settle}.
 */
import { type AffinityError, WaitersFull } from "../AffinityError.ts"
import * as Life from "./life.ts"
import { isObstacle, type Obstacle, type Waiter } from "./obstacle.ts"
import * as Table from "./table.ts"

/** Puts a call in line. Its binding is in use meanwhile: it neither idles nor gives way. */
export const enter = (table: Table.Table, waiter: Waiter, obstacle: Obstacle): void => {
  waiter.on = obstacle
  obstacle.waiters.add(waiter)
  waiter.slot = table.keys.get(waiter.key)
  if (waiter.slot !== undefined) Life.lease(table, waiter.slot)
}

/** Takes a call out of the line, if it is still in one. */
export const leave = (table: Table.Table, waiter: Waiter, now: number): void => {
  waiter.on?.waiters.delete(waiter)
  waiter.on = undefined
  if (waiter.slot !== undefined) Life.release(table, waiter.slot, now)
  waiter.slot = undefined
}

/** Ends each wait that a deed has made pointless. Every deed that may do so ends with this. */
export const settle = (table: Table.Table, now: number): void => {
  while (table.released.size > 0 || table.stirred.size > 0) {
    for (const waiter of table.released) {
      table.released.delete(waiter)
      if (waiter.on !== undefined) retry(table, waiter, now)
    }
    for (const target of table.stirred) {
      table.stirred.delete(target)
      wake(table, target, now)
    }
  }
}

/** Lets in those who wait for a target, for as long as it can take them. */
const wake = (table: Table.Table, target: Table.Target, now: number): void => {
  for (let left = target.waiters.size; left > 0; left--) {
    const [first] = target.waiters
    if (first === undefined || isBusy(table, target)) return
    retry(table, first, now)
  }
}

const retry = (table: Table.Table, waiter: Waiter, now: number): void => {
  leave(table, waiter, now)
  try {
    const answer = waiter.attempt(now)
    if (isObstacle(answer)) enter(table, waiter, answer)
    else waiter.resume(answer)
  } catch (defect) {
    // On behalf of this call, and not of the one that ended its wait.
    waiter.die(defect)
  }
}

const isBusy = (table: Table.Table, target: Table.Target): boolean => {
  try {
    return Table.isBusy(table, target)
  } catch {
    return false
  }
}

/** One more call waits: an error if that is one too many. */
export const startWaiting = (table: Table.Table, key: string): WaitersFull | undefined => {
  const { maxWaiting } = table.settings
  if (table.waiting >= maxWaiting) return new WaitersFull(key, maxWaiting)
  table.waiting++
  table.metrics?.waiting(table.waiting)
  return undefined
}

export const stopWaiting = (table: Table.Table): void => {
  table.waiting--
  table.metrics?.waiting(table.waiting)
}

/** Counts a refusal. */
export const reject = <E extends AffinityError>(table: Table.Table, error: E): E => {
  const { rejected } = table.counters
  rejected[error._tag] = (rejected[error._tag] ?? 0) + 1
  table.metrics?.rejected(error._tag)
  return error
}
