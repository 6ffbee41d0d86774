/**
 * The life of one binding: made, renewed, moved, expired, buried, forgotten.
 *
 * Live bindings are listed by the time they expire, and keys that are remembered as expired or lost by the time they are forgotten. All
 * share one lifetime, so appending keeps both lists sorted, and a sweep looks only at what is due. One that is in use, where use renews
 * it, is in neither.
 */
import type { Bound, Ended, Moved } from "../AffinityEvent.ts"
import type { Metadata, SavedBinding } from "../Binding.ts"
import { BOUND, DEAD, EXPIRED, FORGOTTEN, LIVE, LOST, MOVING } from "./slots.ts"
import { stir, type Table, type Target, targetOf, vacate } from "./table.ts"

/** When a live binding expires, or a dead one is forgotten. */
export const due = (table: Table, slot: number): number =>
  table.slots.renewedAt(slot) + table.settings.lifetime

/** Binds a key that has no slot, where there is room. */
export const insert = (table: Table, key: string, target: Target, now: number): number => {
  const slot = adopt(table, { key, epoch: ++table.epoch, createdAt: now, renewedAt: now }, target)
  const { slots } = table
  slots.ages.append(LIVE, slot)
  if (slots.uses !== slots.ages) slots.uses.append(LIVE, slot)
  return slot
}

/** The same for a binding that is as old as it says; whoever calls this puts it in the lists. */
export const adopt = (
  table: Table,
  binding: Omit<SavedBinding, "target" | "metadata"> & { readonly metadata?: Metadata },
  target: Target
): number => {
  const slot = table.slots.take(binding, target.seat)
  table.keys.add(binding.key, slot)
  if (binding.metadata !== undefined && Object.keys(binding.metadata).length > 0) {
    table.metadata.set(slot, binding.metadata)
  }
  target.named++
  target.held++
  table.live++
  table.metrics?.bindings(table.live)
  return slot
}

/** Counts a binding that is new, and tells of it. */
export const tellCreated = (table: Table, slot: number, reason: Bound["reason"], now: number): void => {
  table.counters.created++
  table.metrics?.placed(reason)
  if (table.emit === undefined) return
  const { slots } = table
  const target = targetOf(table, slot).id
  table.emit({ _tag: "Bound", at: now, key: slots.keyOf(slot), target, epoch: slots.epochOf(slot), reason })
}

/** Moves a binding to another target, as a new incarnation, and answers its slot. One that is live lives on; a lost one lives anew. */
export const relocate = (
  table: Table,
  slot: number,
  target: Target,
  reason: Moved["reason"],
  now: number
): number => {
  const { slots } = table
  const from = targetOf(table, slot)
  let place = slot
  if (slots.stateOf(slot) === LOST) {
    const metadata = table.metadata.get(slot)
    const key = slots.keyOf(slot)
    forget(table, slot)
    place = insert(table, key, target, now)
    if (metadata !== undefined) table.metadata.set(place, metadata)
  } else {
    releaseWaiters(table, slot)
    target.named++
    target.held++
    from.held--
    slots.setTarget(slot, target.seat, ++table.epoch)
    disown(table, from)
    renew(table, slot, now)
  }
  table.counters.movedBy[reason]++
  table.metrics?.moved(reason)
  table.emit?.({
    _tag: "Moved",
    at: now,
    key: slots.keyOf(place),
    from: from.id,
    target: target.id,
    epoch: slots.epochOf(place),
    reason
  })
  return place
}

/** Records a use. */
export const renew = (table: Table, slot: number, now: number): void => {
  const { settings, slots } = table
  if (settings.sliding) slots.renew(slot, now)
  // Without expiry and eviction nobody asks for the order.
  const ordered = settings.lifetime !== Number.POSITIVE_INFINITY || settings.evict
  if (ordered && slots.leasesOf(slot) === 0) slots.uses.append(LIVE, slot)
}

/** Counts a call that uses a binding, which then neither idles nor gives way. */
export const lease = (table: Table, slot: number): void => {
  table.slots.lease(slot, 1)
  if (table.slots.stateOf(slot) === BOUND) table.slots.uses.remove(slot)
}

/** Gives a lease back, whatever has become of the binding. */
export const release = (table: Table, slot: number, now: number): void => {
  const { slots } = table
  slots.lease(slot, -1)
  const state = slots.stateOf(slot)
  if (state === BOUND) relist(table, slot, now)
  else if (state === FORGOTTEN && slots.leasesOf(slot) === 0) slots.give(slot)
}

/** Puts a live binding that was in use back where it belongs. */
export const relist = (table: Table, slot: number, now: number): void => {
  const { settings, slots } = table
  if (settings.sliding) slots.renew(slot, now)
  if (slots.leasesOf(slot) === 0) slots.uses.append(LIVE, slot)
}

/** Expires a binding whose time has passed, and answers whether it did. Where use renews it, one in use does not. */
export const expireIfDue = (table: Table, slot: number, now: number): boolean => {
  if (now < due(table, slot)) return false
  const { settings, slots } = table
  const inUse = settings.sliding && slots.leasesOf(slot) > 0
  if (slots.stateOf(slot) === MOVING && !settings.sliding) table.moves.get(slot)?.expire(table, now)
  if (slots.stateOf(slot) !== BOUND || inUse) return false
  bury(table, slot, EXPIRED, now)
  return true
}

/** Ends a binding and remembers for one more lifetime how it ended. */
export const bury = (table: Table, slot: number, state: typeof EXPIRED | typeof LOST, now: number): void => {
  const { slots } = table
  releaseWaiters(table, slot)
  slots.setState(slot, state)
  slots.renew(slot, now)
  slots.uses.remove(slot)
  slots.ages.append(DEAD, slot)
  end(table, targetOf(table, slot))
  if (state === EXPIRED) {
    table.counters.expired++
    table.metrics?.ended("Expired")
    emitEnded(table, "Expired", slot, now)
  } else {
    table.counters.lost++
    table.metrics?.ended("Lost")
    emitEnded(table, "Lost", slot, now)
  }
}

/** Takes a binding, live or dead, out of the table. */
export const forget = (table: Table, slot: number): void => {
  const { slots } = table
  const target = targetOf(table, slot)
  releaseWaiters(table, slot)
  if (slots.stateOf(slot) === BOUND) end(table, target)
  table.keys.delete(slots.keyOf(slot))
  table.metadata.delete(slot)
  slots.give(slot)
  disown(table, target)
}

/** Room for one more: the dead go first, then, if the table evicts, the least recently used that is not in use. */
export const makeRoom = (table: Table, now: number): boolean => {
  const { keys, settings, slots } = table
  if (keys.size < settings.maxBindings) return true
  const oldest = slots.ages.first(LIVE)
  if (oldest !== undefined) expireIfDue(table, oldest, now)
  const dead = slots.ages.first(DEAD)
  if (dead !== undefined) {
    forget(table, dead)
    return true
  }
  const idle = settings.evict ? slots.uses.first(LIVE) : undefined
  if (idle === undefined) return false
  table.counters.evicted++
  table.metrics?.ended("Evicted")
  emitEnded(table, "Evicted", idle, now)
  forget(table, idle)
  return true
}

/** Expires and forgets what is due, oldest first, at most `limit` bindings; answers whether that was all. */
export const sweep = (table: Table, now: number, limit: number = Number.POSITIVE_INFINITY): boolean => {
  for (let seen = 0; seen < limit; seen++) {
    const live = firstDue(table, LIVE, now)
    const dead = live === undefined ? firstDue(table, DEAD, now) : undefined
    if (live !== undefined) expireIfDue(table, live, now)
    else if (dead !== undefined) forget(table, dead)
    else return true
  }
  return false
}

/** When {@link sweep} may have something to do: nothing made later can be due before one lifetime from now. */
export const nextSweep = (table: Table, now: number): number => {
  const live = table.slots.ages.first(LIVE)
  const dead = table.slots.ages.first(DEAD)
  return Math.min(
    live === undefined ? Number.POSITIVE_INFINITY : due(table, live),
    dead === undefined ? Number.POSITIVE_INFINITY : due(table, dead),
    now + table.settings.lifetime
  )
}

/** Lets the calls for a key look again, once the deed at hand is done. */
export const releaseWaiters = (table: Table, slot: number): void => {
  const target = targetOf(table, slot)
  // Those of a target that takes no more were released when that began.
  if (table.slots.leasesOf(slot) === 0 || target.state !== "active") return
  for (const waiter of target.waiters) if (waiter.slot === slot) table.released.add(waiter)
}

export const emitEnded = (table: Table, tag: Ended["_tag"], slot: number, now: number): void => {
  if (table.emit === undefined) return
  const { slots } = table
  table.emit({
    _tag: tag,
    at: now,
    key: slots.keyOf(slot),
    target: targetOf(table, slot).id,
    epoch: slots.epochOf(slot)
  })
}

/** Warns once when the table has come to be nearly full, and again only after it was well below. */
export const warnIfNearlyFull = (table: Table, now: number): void => {
  const { maxBindings } = table.settings
  // A warning that nobody heard was not given.
  if (table.emit === undefined || table.warned || table.live < NEARLY_FULL * maxBindings) return
  table.warned = true
  table.emit({ _tag: "NearlyFull", at: now, bindings: table.live, maxBindings })
}

/** Shares of the bound. */
const NEARLY_FULL = 0.8
const FREE_AGAIN = 0.7

const end = (table: Table, target: Target): void => {
  target.held--
  table.live--
  table.metrics?.bindings(table.live)
  if (table.live < FREE_AGAIN * table.settings.maxBindings) table.warned = false
  stir(table, target)
}

/** One slot less names a target. */
const disown = (table: Table, target: Target): void => {
  target.named--
  vacate(table, target)
  stir(table, target)
}

const firstDue = (table: Table, list: typeof LIVE | typeof DEAD, now: number): number | undefined => {
  const slot = table.slots.ages.first(list)
  return slot !== undefined && now >= due(table, slot) ? slot : undefined
}
