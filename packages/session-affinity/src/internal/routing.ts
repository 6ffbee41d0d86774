/**
 * What callers ask of a table of bindings: synchronous operations that are told the time, and answer with an assignment
 * or with the error that says why there is none.
 */
import type { AffinityError } from "../AffinityError.ts"
import {
  BindingExpired,
  BindingsFull,
  NoTargets,
  TargetBusy,
  TargetDraining,
  TargetGone
} from "../AffinityError.ts"
import type { Moved } from "../AffinityEvent.ts"
import type { Assignment } from "../Binding.ts"
import type { Rules } from "../Mode.ts"
import * as Placement from "../Placement.ts"
import * as Table from "./table.ts"

export const isAssignment = (answer: Assignment | AffinityError): answer is Assignment => !("_tag" in answer)

// Targets

/** Adds a target, or changes the weight of a known one and ends its draining. Moves nothing. */
export const add = (table: Table.Table, id: string, weight: number): void => {
  const known = table.targets.get(id)
  if (known === undefined) table.targets.set(id, new Table.Target(id, weight))
  else {
    known.weight = weight
    known.state = "active"
  }
  refreshActive(table)
}

/** Stops a target from taking new keys; answers the keys it holds. */
export const drain = (table: Table.Table, id: string, now: number): Array<string> => {
  const target = table.targets.get(id)
  if (target === undefined) return []
  target.state = "draining"
  refreshActive(table)
  return [...target.held].filter((entry) => !Table.expireIfDue(table, entry, now)).map((entry) => entry.key)
}

/** Removes a target; answers the keys it held, which are lost. */
export const remove = (table: Table.Table, id: string, now: number): Array<string> => {
  const target = table.targets.get(id)
  if (target === undefined) return []
  target.state = "gone"
  table.targets.delete(id)
  refreshActive(table)
  const lost = [...target.held].filter((entry) => !Table.expireIfDue(table, entry, now))
  for (const entry of lost) Table.bury(table, entry, "lost", now)
  return lost.map((entry) => entry.key)
}

// Keys

/** Where a key is served: at its bound target if that can, else as the rules say. */
export const resolve = (
  table: Table.Table,
  key: string,
  rules: Rules,
  now: number
): Assignment | AffinityError => {
  const entry = lookup(table, key, now)
  if (entry === undefined) return place(table, key, now)
  const { target } = entry
  if (entry.state === "expired") {
    if (rules.expired === "place") return place(table, key, now)
    return new BindingExpired(key, target.id)
  }
  if (entry.state === "lost") {
    if (rules.gone === "move") return moveAway(table, entry, "gone", now)
    return new TargetGone(key, target.id)
  }
  if (target.state === "draining") {
    if (rules.draining === "move") return moveAway(table, entry, "draining", now)
    return new TargetDraining(key, target.id)
  }
  if (isBusy(table, target)) {
    const other = rules.busy === "fail" ? undefined : choose(table, key)
    if (other === undefined) return new TargetBusy(key, target.id, target.load)
    if (rules.busy === "move") return move(table, entry, other, "busy", now)
    Table.renew(table, entry, now)
    return { key, target: other.id, epoch: entry.assignment.epoch, bound: false }
  }
  Table.renew(table, entry, now)
  table.counters.hits++
  return entry.assignment
}

/** Binds a key to a target by hand; keeps the epoch if it is bound there already. */
export const bind = (
  table: Table.Table,
  key: string,
  id: string,
  now: number
): Assignment | TargetGone | TargetDraining | BindingsFull => {
  const target = table.targets.get(id)
  if (target === undefined) return new TargetGone(key, id)
  if (target.state === "draining") return new TargetDraining(key, id)
  const entry = lookup(table, key, now)
  if (entry?.state !== "bound") return create(table, key, target, "bind", now)
  if (entry.target !== target) return move(table, entry, target, "bind", now)
  Table.renew(table, entry, now)
  return entry.assignment
}

/** Gives a binding up and forgets the key; with an epoch, only if the key is still in that incarnation. */
export const unbind = (table: Table.Table, key: string, epoch: number | undefined, now: number): boolean => {
  const entry = lookup(table, key, now)
  if (entry === undefined || (epoch !== undefined && entry.assignment.epoch !== epoch)) return false
  const live = entry.state === "bound"
  Table.forget(table, entry)
  if (live) {
    table.counters.unbound++
    Table.emitEnded(table, "Unbound", entry, now)
  }
  return live
}

/** The entry of a key as of now, live or remembered. Renews nothing. */
export const lookup = (table: Table.Table, key: string, now: number): Table.Entry | undefined => {
  const entry = table.entries.get(key)
  if (entry !== undefined) Table.expireIfDue(table, entry, now)
  return entry
}

/** Counts a lease where an assignment is served; answers the function that gives it back. */
export const lease = (table: Table.Table, assignment: Assignment): ((now: number) => void) => {
  const target = table.targets.get(assignment.target)
  const entry = table.entries.get(assignment.key)
  if (target !== undefined) target.load++
  if (entry !== undefined) entry.leases++
  return (now) => {
    if (target !== undefined) target.load--
    if (entry === undefined) return
    if (entry.state === "bound") Table.renew(table, entry, now)
    entry.leases--
  }
}

// Internals

const refreshActive = (table: Table.Table): void => {
  table.active = [...table.targets.values()].filter((target) => target.state === "active")
}

const isBusy = (table: Table.Table, target: Table.Target): boolean =>
  table.settings.busy !== undefined && table.settings.busy(target)

const choose = (table: Table.Table, key: string): Table.Target | undefined => {
  const { busy, placement } = table.settings
  const free = busy === undefined ? table.active : table.active.filter((target) => !busy(target))
  return Placement.choose(placement, key, free, table.turn++)
}

const noTargets = (table: Table.Table, key: string): NoTargets =>
  new NoTargets(key, table.targets.size, table.targets.size - table.active.length)

const place = (table: Table.Table, key: string, now: number): Assignment | AffinityError => {
  const target = choose(table, key)
  return target === undefined ? noTargets(table, key) : create(table, key, target, "placed", now)
}

/** A binding for a key that has none, or is only remembered. */
const create = (
  table: Table.Table,
  key: string,
  target: Table.Target,
  reason: "placed" | "bind",
  now: number
): Assignment | BindingsFull => {
  const remembered = table.entries.get(key)
  if (remembered !== undefined) Table.forget(table, remembered)
  else if (!Table.makeRoom(table, now)) {
    return new BindingsFull(key, table.settings.maxBindings)
  }
  const { assignment } = Table.insert(table, key, target, now)
  table.counters.created++
  table.emit?.({ _tag: "Bound", at: now, key, target: target.id, epoch: assignment.epoch, reason })
  return assignment
}

const moveAway = (
  table: Table.Table,
  entry: Table.Entry,
  reason: "draining" | "gone",
  now: number
): Assignment | AffinityError => {
  const target = choose(table, entry.key)
  return target === undefined ? noTargets(table, entry.key) : move(table, entry, target, reason, now)
}

const move = (
  table: Table.Table,
  entry: Table.Entry,
  target: Table.Target,
  reason: Moved["reason"],
  now: number
): Assignment => {
  const { key } = entry
  const from = entry.target.id
  const lost = entry.state === "lost"
  if (lost) Table.forget(table, entry)
  // What was lost is built anew, so its life starts now.
  const { assignment } = lost
    ? Table.insert(table, key, target, now)
    : Table.reassign(table, entry, target, now)
  table.counters.moved++
  table.emit?.({ _tag: "Moved", at: now, key, from, target: target.id, epoch: assignment.epoch, reason })
  return assignment
}
