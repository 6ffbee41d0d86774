/**
 * The table of bindings as plain data, and the life of one binding: made, renewed, expired, buried, forgotten.
 *
 * An entry is in exactly one of two orders. `live` holds bindings by the time they expire; `dead` holds keys that are
 * remembered as expired or lost, by the time they are forgotten. All share one lifetime, so appending keeps both sorted,
 * and a sweep looks only at what is due.
 */
import type { AffinityEvent, Ended } from "../AffinityEvent.ts"
import type { Assignment } from "../Binding.ts"
import type * as Placement from "../Placement.ts"
import * as Order from "./order.ts"

export interface Settings {
  readonly placement: Placement.Strategy
  /** Milliseconds, or `Infinity`. */
  readonly lifetime: number
  /** Whether a use renews the lifetime. */
  readonly sliding: boolean
  readonly maxBindings: number
  /** Whether a full table gives up its least recently used binding for a new one. */
  readonly evict: boolean
  readonly busy: ((target: Placement.Target) => boolean) | undefined
}

/** A removed target is never revived: adding its id again makes a new one, so bindings that were lost stay lost. */
export class Target implements Placement.Target {
  readonly id: string
  weight: number
  load = 0
  state: "active" | "draining" | "gone" = "active"
  readonly held: Set<Entry> = new Set()
  constructor(id: string, weight: number) {
    this.id = id
    this.weight = weight
  }
  get bindings(): number {
    return this.held.size
  }
}

export class Entry {
  readonly key: string
  readonly createdAt: number
  state: "bound" | "expired" | "lost" | "forgotten" = "bound"
  target: Target
  /** Built once an epoch, so that serving a bound key allocates nothing. */
  assignment: Assignment
  /** When a bound entry expires, or a dead one is forgotten. */
  due: number
  leases = 0
  readonly age: Order.Place<Entry> = new Order.Place<Entry>(this)
  /** Its place by last use; the same as `age` where use renews the lifetime. */
  readonly use: Order.Place<Entry>
  constructor(table: Table, key: string, target: Target, now: number) {
    this.key = key
    this.createdAt = now
    this.target = target
    this.assignment = assign(table, key, target)
    this.due = now + table.settings.lifetime
    this.use = table.recent === table.live ? this.age : new Order.Place<Entry>(this)
  }
}

export interface Table {
  readonly settings: Settings
  readonly entries: Map<string, Entry>
  readonly targets: Map<string, Target>
  /** The targets that take new keys. */
  active: ReadonlyArray<Target>
  readonly live: Order.Order<Entry>
  readonly dead: Order.Order<Entry>
  /** Least recently used first; the same as `live` where use renews the lifetime. */
  readonly recent: Order.Order<Entry>
  /** Whether a use changes an order: without expiry and eviction it does not. */
  readonly renews: boolean
  readonly counters: {
    hits: number
    created: number
    moved: number
    expired: number
    evicted: number
    lost: number
    unbound: number
  }
  epoch: number
  turn: number
  /** Set while somebody listens: events are built only then. */
  emit: ((event: AffinityEvent) => void) | undefined
}

export const make = (settings: Settings): Table => {
  const live = Order.make<Entry>()
  return {
    settings,
    entries: new Map(),
    targets: new Map(),
    active: [],
    live,
    dead: Order.make(),
    recent: settings.sliding ? live : Order.make(),
    renews: settings.evict || (settings.sliding && settings.lifetime !== Number.POSITIVE_INFINITY),
    counters: { hits: 0, created: 0, moved: 0, expired: 0, evicted: 0, lost: 0, unbound: 0 },
    epoch: 0,
    turn: 0,
    emit: undefined
  }
}

/** A new incarnation of a key's state, at a target. */
export const assign = (table: Table, key: string, target: Target): Assignment => ({
  key,
  target: target.id,
  epoch: ++table.epoch,
  bound: true
})

/** Binds a key that has no entry, where there is room. */
export const insert = (table: Table, key: string, target: Target, now: number): Entry => {
  const entry = new Entry(table, key, target, now)
  table.entries.set(key, entry)
  target.held.add(entry)
  Order.append(table.live, entry.age)
  if (entry.use !== entry.age) Order.append(table.recent, entry.use)
  return entry
}

/** Moves a live binding to another target, as a new incarnation; its life goes on. */
export const reassign = (table: Table, entry: Entry, target: Target, now: number): Entry => {
  entry.target.held.delete(entry)
  target.held.add(entry)
  entry.target = target
  entry.assignment = assign(table, entry.key, target)
  renew(table, entry, now)
  return entry
}

/** Records a use. */
export const renew = (table: Table, entry: Entry, now: number): void => {
  if (!table.renews) return
  if (table.settings.sliding) entry.due = now + table.settings.lifetime
  Order.append(table.recent, entry.use)
}

/** Expires a binding whose time has passed, and answers whether it did; one in use is not idle, and slides on. */
export const expireIfDue = (table: Table, entry: Entry, now: number): boolean => {
  if (now < entry.due || entry.state !== "bound") return false
  if (table.settings.sliding && entry.leases > 0) {
    renew(table, entry, now)
    return false
  }
  bury(table, entry, "expired", now)
  return true
}

/** Ends a binding and remembers for one more lifetime how it ended. */
export const bury = (table: Table, entry: Entry, state: "expired" | "lost", now: number): void => {
  entry.state = state
  entry.due = now + table.settings.lifetime
  entry.target.held.delete(entry)
  Order.append(table.dead, entry.age)
  if (entry.use !== entry.age) Order.remove(entry.use)
  table.counters[state]++
  emitEnded(table, state === "expired" ? "Expired" : "Lost", entry, now)
}

/** Takes an entry out of the table. */
export const forget = (table: Table, entry: Entry): void => {
  if (entry.state === "bound") entry.target.held.delete(entry)
  entry.state = "forgotten"
  table.entries.delete(entry.key)
  Order.remove(entry.age)
  if (entry.use !== entry.age) Order.remove(entry.use)
}

/** Room for one more: the dead go first, then, if the table evicts, the least recently used that is not in use. */
export const makeRoom = (table: Table, now: number): boolean => {
  if (table.entries.size < table.settings.maxBindings) return true
  let due = firstDue(table.live, now)
  while (due !== undefined && !expireIfDue(table, due, now)) due = firstDue(table.live, now)
  const dead = Order.first(table.dead)
  if (dead !== undefined) {
    forget(table, dead)
    return true
  }
  if (!table.settings.evict) return false
  for (const entry of Order.values(table.recent)) {
    if (entry.leases > 0) continue
    forget(table, entry)
    table.counters.evicted++
    emitEnded(table, "Evicted", entry, now)
    return true
  }
  return false
}

/** Expires and forgets what is due, oldest first, at most `limit` entries; answers whether that was all. */
export const sweep = (table: Table, now: number, limit: number = Number.POSITIVE_INFINITY): boolean => {
  for (let seen = 0; seen < limit; seen++) {
    const entry = firstDue(table.live, now) ?? firstDue(table.dead, now)
    if (entry === undefined) return true
    if (entry.state === "bound") expireIfDue(table, entry, now)
    else forget(table, entry)
  }
  return false
}

/** When {@link sweep} may have something to do: nothing made later can be due before one lifetime from now. */
export const nextSweep = (table: Table, now: number): number =>
  Math.min(
    Order.first(table.live)?.due ?? Number.POSITIVE_INFINITY,
    Order.first(table.dead)?.due ?? Number.POSITIVE_INFINITY,
    now + table.settings.lifetime
  )

export const emitEnded = (table: Table, tag: Ended["_tag"], entry: Entry, now: number): void =>
  table.emit?.({
    _tag: tag,
    at: now,
    key: entry.key,
    target: entry.target.id,
    epoch: entry.assignment.epoch
  })

const firstDue = (order: Order.Order<Entry>, now: number): Entry | undefined => {
  const entry = Order.first(order)
  return entry !== undefined && now >= entry.due ? entry : undefined
}
