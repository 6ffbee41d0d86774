/** A table of bindings as others may see it: plain data, as of now. */
import type { BindingInfo, Lookup, Metadata, Snapshot, Stats, TargetInfo } from "../Binding.ts"
import * as Life from "./life.ts"
import { lookup } from "./routing.ts"
import { BOUND, EXPIRED, MOVING } from "./slots.ts"
import { type Table, type Target, targetOf } from "./table.ts"

export const describe = (table: Table, key: string, now: number): Lookup => {
  const slot = lookup(table, key, now)
  if (slot === undefined) return { _tag: "Unknown", key }
  if (isLive(table, slot)) return { _tag: "Bound", ...bindingInfo(table, slot, now) }
  const { slots } = table
  const target = targetOf(table, slot).id
  const epoch = slots.epochOf(slot)
  return { _tag: slots.stateOf(slot) === EXPIRED ? "Expired" : "TargetGone", key, target, epoch }
}

/** Costs as much as there are targets. What is due counts as live until it is swept or asked for. */
export const stats = (table: Table): Stats => {
  const { counters, keys, live, moves, settings } = table
  return {
    bindings: live,
    remembered: keys.size - live,
    maxBindings: settings.maxBindings,
    moving: moves.size,
    waiting: table.waiting,
    targets: Array.from(table.targets.values(), targetInfo),
    ...counters,
    hitRate: counters.resolutions === 0 ? 0 : counters.hits / counters.resolutions,
    moved: Object.values(counters.movedBy).reduce((sum, count) => sum + count, 0),
    movedBy: { ...counters.movedBy },
    rejected: { ...counters.rejected }
  }
}

/** Costs as much as there are bindings. */
export const snapshot = (table: Table, now: number): Snapshot => {
  const { slots } = table
  const bindings = [...slots.used()]
    .filter((slot) => isLive(table, slot) && !Life.expireIfDue(table, slot, now))
    .map((slot) => ({
      key: slots.keyOf(slot),
      target: targetOf(table, slot).id,
      epoch: slots.epochOf(slot),
      createdAt: slots.createdAt(slot),
      renewedAt: renewedAt(table, slot, now),
      metadata: metadataOf(table, slot)
    }))
  return { version: 1, epoch: table.epoch, bindings }
}

/** One that is on its way is where it was, until it is there. */
export const isLive = (table: Table, slot: number): boolean => {
  const state = table.slots.stateOf(slot)
  return state === BOUND || (state === MOVING && table.moves.get(slot)?.reason !== "gone")
}

const bindingInfo = (table: Table, slot: number, now: number): BindingInfo => ({
  key: table.slots.keyOf(slot),
  target: targetOf(table, slot).id,
  epoch: table.slots.epochOf(slot),
  createdAt: table.slots.createdAt(slot),
  expiresAt: renewedAt(table, slot, now) + table.settings.lifetime,
  metadata: metadataOf(table, slot)
})

const renewedAt = (table: Table, slot: number, now: number): number => {
  const { settings, slots } = table
  const inUse = settings.sliding && (slots.leasesOf(slot) > 0 || slots.stateOf(slot) === MOVING)
  return inUse ? now : slots.renewedAt(slot)
}

const metadataOf = (table: Table, slot: number): Metadata => table.metadata.get(slot) ?? {}

const targetInfo = (target: Target): TargetInfo => ({
  id: target.id,
  weight: target.weight,
  load: target.load,
  leases: target.leases,
  reported: target.reported,
  bindings: target.bindings,
  state: target.state === "draining" ? "draining" : "active",
  waiting: target.waiters.size,
  served: target.served
})
