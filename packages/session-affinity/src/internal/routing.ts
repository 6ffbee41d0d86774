/**
 * What callers ask of a table of bindings: synchronous operations that are told the time, and answer with an assignment, with the error
 * that says why there is none, or with what has to be waited for.
 */
import {
  BindingExpired,
  BindingsFull,
  InvalidLoad,
  InvalidWeight,
  NoTargets,
  TargetBusy,
  TargetDraining,
  TargetGone
} from "../AffinityError.ts"
import type { Assignment } from "../Binding.ts"
import type { Rules } from "../Mode.ts"
import type { Movement } from "../Movement.ts"
import * as Placement from "../Placement.ts"
import * as Life from "./life.ts"
import * as Moving from "./moving.ts"
import type { Answer } from "./obstacle.ts"
import * as Slots from "./slots.ts"
import * as Table from "./table.ts"
import { settle } from "./waiting.ts"

// Targets

/** Adds a target, or changes the weight of a known one and ends its draining. Moves nothing. */
export const add = (
  table: Table.Table,
  id: string,
  weight: number,
  now: number
): InvalidWeight | undefined => {
  if (!isWeight(weight)) return new InvalidWeight(id, weight)
  const known = table.targets.get(id)
  if (known === undefined) table.targets.set(id, Table.makeTarget(table, id, weight))
  else {
    known.weight = weight
    known.state = "active"
    Table.stir(table, known)
  }
  refreshActive(table)
  settle(table, now)
  return undefined
}

/** Takes what a target is said to do besides the leases of this table; answers whether it is known. */
export const report = (table: Table.Table, id: string, load: number, now: number): boolean | InvalidLoad => {
  if (!isLoad(load)) return new InvalidLoad(id, load)
  const target = table.targets.get(id)
  if (target === undefined) return false
  target.reported = load
  Table.stir(table, target)
  settle(table, now)
  return true
}

/** Stops a target from taking new keys; answers the keys it holds. */
export const drain = (table: Table.Table, id: string, now: number): Array<string> => {
  const target = table.targets.get(id)
  if (target === undefined) return []
  close(table, target, "draining", now)
  const held = heldBy(table, target, now)
  settle(table, now)
  return held.map((slot) => table.slots.keyOf(slot))
}

/** Removes a target; answers the keys it held, which are lost. */
export const remove = (table: Table.Table, id: string, now: number): Array<string> => {
  const target = table.targets.get(id)
  if (target === undefined) return []
  table.targets.delete(id)
  close(table, target, "gone", now)
  const lost = heldBy(table, target, now)
  const keys = lost.map((slot) => table.slots.keyOf(slot))
  for (const slot of lost) {
    endMovement(table, slot, now)
    Life.bury(table, slot, Slots.LOST, now)
  }
  Table.vacate(table, target)
  settle(table, now)
  return keys
}

/** Looks again at who waits for a target, when what `busy` reads has changed. */
export const recheck = (table: Table.Table, id: string, now: number): void => {
  const target = table.targets.get(id)
  if (target === undefined) return
  Table.stir(table, target)
  settle(table, now)
}

// Keys

/**
 * Where a key is served: at its bound target if that can, else as the rules say. `inLine`: it has waited, and it is its turn. Whoever calls
 * this lets {@link settle} follow.
 */
export const resolve = (
  table: Table.Table,
  key: string,
  rules: Rules,
  now: number,
  inLine: boolean = false
): Answer => {
  const { slots } = table
  const slot = lookup(table, key, now)
  if (slot === undefined) return place(table, key, rules, now)
  const state = slots.stateOf(slot)
  if (state !== Slots.BOUND) return resolveUnbound(table, key, slot, rules, now)
  const target = Table.targetOf(table, slot)
  if (target.state === "draining") {
    if (rules.draining === "move") return moveAway(table, slot, "draining", rules, now)
    return new TargetDraining(key, target.id)
  }
  const waits = rules.busy === "wait" && target.waiters.size > 0 && !inLine
  // The target may have come to be free unnoticed: then those in line are let in, and this call after them.
  if (waits) Table.stir(table, target)
  if (waits || Table.isBusy(table, target)) return resolveBusy(table, key, slot, target, rules, now)
  Life.renew(table, slot, now)
  table.counters.hits++
  table.metrics?.hit()
  return serve(table, slot, target)
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
  const slot = lookup(table, key, now)
  if (slot !== undefined) endMovement(table, slot, now)
  let place: number | BindingsFull
  if (slot === undefined || table.slots.stateOf(slot) !== Slots.BOUND) {
    place = create(table, key, target, "bind", now)
  } else if (Table.targetOf(table, slot) !== target) {
    place = Life.relocate(table, slot, target, "bind", now)
  } else {
    Life.renew(table, slot, now)
    place = slot
  }
  const answer = typeof place === "number" ? assignment(table, place, target) : place
  settle(table, now)
  return answer
}

/** Gives a binding up and forgets the key; with an epoch, only if the key is still in that incarnation. */
export const unbind = (table: Table.Table, key: string, epoch: number | undefined, now: number): boolean => {
  const { slots } = table
  const slot = lookup(table, key, now)
  const meant = slot !== undefined && (epoch === undefined || slots.epochOf(slot) === epoch)
  let live = false
  if (meant) {
    endMovement(table, slot, now)
    live = slots.stateOf(slot) === Slots.BOUND
    if (live) {
      table.counters.unbound++
      table.metrics?.ended("Unbound")
      Life.emitEnded(table, "Unbound", slot, now)
    }
    Life.forget(table, slot)
  }
  settle(table, now)
  return live
}

/** The slot of a key as of now, live or remembered. Renews nothing. */
export const lookup = (table: Table.Table, key: string, now: number): number | undefined => {
  const slot = table.keys.get(key)
  if (slot !== undefined) Life.expireIfDue(table, slot, now)
  return slot
}

/** Counts a lease where an assignment is served; answers the function that gives it back. */
export const lease = (table: Table.Table, assignment: Assignment): ((now: number) => void) => {
  const target = table.targets.get(assignment.target)
  const slot = table.keys.get(assignment.key)
  if (target !== undefined) target.leases++
  if (slot !== undefined) Life.lease(table, slot)
  return (now) => {
    if (slot !== undefined) Life.release(table, slot, now)
    if (target === undefined) return
    target.leases--
    Table.stir(table, target)
    settle(table, now)
  }
}

// Internals

/** Far enough from the ends of what a number can hold that sums and ratios of weights mean something. */
const isWeight = (weight: number): boolean => Number.isFinite(weight) && weight >= 1e-12 && weight <= 1e12

const isLoad = (load: number): boolean => Number.isFinite(load) && load >= 0

const refreshActive = (table: Table.Table): void => {
  table.active = [...table.targets.values()].filter((target) => target.state === "active")
}

/** A target takes no more: who waits for it looks again, and who is on the way to it goes elsewhere. */
const close = (table: Table.Table, target: Table.Target, state: "draining" | "gone", now: number): void => {
  target.state = state
  refreshActive(table)
  for (const waiter of target.waiters) table.released.add(waiter)
  Moving.redirect(table, target, now)
}

/** The bindings of a target, in the order they came to it. */
const heldBy = (table: Table.Table, target: Table.Target, now: number): Array<number> =>
  table.slots
    .at(target.seat)
    .filter((slot) => !Life.expireIfDue(table, slot, now))
    .toSorted((a, b) => table.slots.epochOf(a) - table.slots.epochOf(b))

const endMovement = (table: Table.Table, slot: number, now: number): void => {
  const move = table.moves.get(slot)
  if (move !== undefined) Moving.cancel(table, move, now)
}

const resolveUnbound = (table: Table.Table, key: string, slot: number, rules: Rules, now: number): Answer => {
  const move = table.moves.get(slot)
  if (move !== undefined) return move
  const target = Table.targetOf(table, slot)
  if (table.slots.stateOf(slot) === Slots.EXPIRED) {
    return rules.expired === "place" ? place(table, key, rules, now) : new BindingExpired(key, target.id)
  }
  const restorable = rules.gone === "restore" && table.hooks?.restoreState !== undefined
  if (rules.gone === "move" || restorable) return moveAway(table, slot, "gone", rules, now)
  return new TargetGone(key, target.id)
}

const resolveBusy = (
  table: Table.Table,
  key: string,
  slot: number,
  target: Table.Target,
  rules: Rules,
  now: number
): Answer => {
  if (rules.busy === "wait") return target
  const choosing = () => choose(table, key, rules)
  const other = rules.busy === "fail" ? undefined : choosing()
  if (other === undefined) return new TargetBusy(key, target.id, target.load, 0)
  if (rules.busy === "move") return move(table, slot, "busy", other, choosing, rules, now)
  Life.renew(table, slot, now)
  other.served++
  return { key, target: other.id, epoch: table.slots.epochOf(slot), bound: false }
}

const moveAway = (
  table: Table.Table,
  slot: number,
  reason: "draining" | "gone",
  rules: Rules,
  now: number
): Answer => {
  const key = table.slots.keyOf(slot)
  const choosing = () => choose(table, key, rules)
  const target = choosing()
  return target === undefined
    ? noTargets(table, key)
    : move(table, slot, reason, target, choosing, rules, now)
}

const move = (
  table: Table.Table,
  slot: number,
  reason: Movement["reason"],
  target: Table.Target,
  choosing: () => Table.Target | undefined,
  rules: Rules,
  now: number
): Answer => {
  if (Moving.takesTime(table, reason)) return Moving.begin(table, slot, reason, target, choosing)
  const waits = rules.busy === "wait" && Table.isBusy(table, target)
  const place = Life.relocate(table, slot, target, reason, now)
  return waits ? target : serve(table, place, target)
}

const place = (table: Table.Table, key: string, rules: Rules, now: number): Answer => {
  const target = choose(table, key, rules)
  if (target === undefined) return noTargets(table, key)
  const waits = rules.busy === "wait" && Table.isBusy(table, target)
  const slot = create(table, key, target, "placed", now)
  if (typeof slot !== "number") return slot
  return waits ? target : serve(table, slot, target)
}

/** A binding for a key that has none, or is only remembered. */
const create = (
  table: Table.Table,
  key: string,
  target: Table.Target,
  reason: "placed" | "bind",
  now: number
): number | BindingsFull => {
  const remembered = table.keys.get(key)
  if (remembered !== undefined) Life.forget(table, remembered)
  else if (!Life.makeRoom(table, now)) return new BindingsFull(key, table.settings.maxBindings)
  const slot = Life.insert(table, key, target, now)
  Life.tellCreated(table, slot, reason, now)
  Life.warnIfNearlyFull(table, now)
  return slot
}

const serve = (table: Table.Table, slot: number, target: Table.Target): Assignment => {
  target.served++
  return assignment(table, slot, target)
}

const assignment = (table: Table.Table, slot: number, target: Table.Target): Assignment => ({
  key: table.slots.keyOf(slot),
  target: target.id,
  epoch: table.slots.epochOf(slot),
  bound: true
})

const noTargets = (table: Table.Table, key: string): NoTargets =>
  new NoTargets(key, table.targets.size, table.targets.size - table.active.length)

/** A place among the targets that are free, or, for a call that would wait, among the busy ones if none is. */
const choose = (table: Table.Table, key: string, rules: Rules): Table.Target | undefined => {
  const { active, epoch, keys } = table
  const size = keys.size
  const { busy, placement } = table.settings
  const free = busy === undefined ? active : active.filter((target) => !busy(target))
  const eligible = free.length === 0 && rules.busy === "wait" ? active : free
  const chosen = Placement.choose(placement, key, eligible, { turn: table.turn++, random: table.random })
  // A choice from what was is none from what is.
  if (table.active !== active || table.epoch !== epoch || keys.size !== size) {
    throw new Error("Expected placement and busy to leave the table alone that asks them, which they changed")
  }
  return chosen
}
