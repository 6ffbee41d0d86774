/** The table of bindings as plain data. */
import { type AffinityError, TargetBusy } from "../AffinityError.ts"
import type { AffinityEvent, Moved } from "../AffinityEvent.ts"
import type { Metadata } from "../Binding.ts"
import type * as Placement from "../Placement.ts"
import { KeyIndex } from "./keyIndex.ts"
import type { Metrics } from "./metrics.ts"
import type { Hooks, Move } from "./moving.ts"
import { Obstacle, type Waiter } from "./obstacle.ts"
import { Slots } from "./slots.ts"

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
  /** Milliseconds, or `Infinity`. */
  readonly waitFor: number
  /** Calls that may wait at once. */
  readonly maxWaiting: number
  /** Characters of one binding's metadata. */
  readonly maxMetadata: number
}

/** A removed target is never revived: adding its id again makes a new one, so bindings that were lost stay lost. */
export class Target extends Obstacle implements Placement.Target {
  readonly id: string
  /** Its number in {@link Table.seats}. */
  readonly seat: number
  weight: number
  leases = 0
  /** What was said that it does besides. */
  reported = 0
  state: "active" | "draining" | "gone" = "active"
  /** Live bindings. */
  held = 0
  /** Keys on their way here. */
  incoming = 0
  /** Slots that name it, dead ones included: until there are none, its seat is not given to another. */
  named = 0
  /** Resolutions that answered with it. */
  served = 0

  constructor(id: string, seat: number, weight: number) {
    super()
    this.id = id
    this.seat = seat
    this.weight = weight
  }

  get load(): number {
    return this.leases + this.reported
  }

  get bindings(): number {
    return this.held + this.incoming
  }

  refusal(key: string, waited: number): AffinityError {
    return new TargetBusy(key, this.id, this.load, waited)
  }
}

export interface Table {
  readonly settings: Settings
  readonly keys: KeyIndex
  readonly slots: Slots
  readonly targets: Map<string, Target>
  /** Targets by number: those of `targets`, and gone ones that are still named. */
  readonly seats: Array<Target | undefined>
  /** Seats that are free. */
  readonly vacant: Array<number>
  /** The targets that take new keys. */
  active: ReadonlyArray<Target>
  /** Of the few bindings that have them, by slot. */
  readonly moves: Map<number, Move>
  readonly metadata: Map<number, Metadata>
  readonly counters: Counters
  /** Live bindings. */
  live: number
  /** The number of the latest incarnation. */
  epoch: number
  /** Keys that were placed. */
  turn: number
  /** Numbers from 0 up to 1, for placement by chance. */
  random: (() => number) | undefined
  /** Calls that wait for a target, a movement, or their turn. */
  waiting: number
  /** Those that are to look again, and targets that may take more, once the deed at hand is done. */
  readonly released: Set<Waiter>
  readonly stirred: Set<Target>
  /** Whether the warning that the table fills was given. */
  warned: boolean
  hooks: Hooks | undefined
  metrics: Metrics | undefined
  /** Set while somebody listens: events are built only then. */
  emit: ((event: AffinityEvent) => void) | undefined
}

export interface Counters {
  resolutions: number
  hits: number
  created: number
  readonly movedBy: { [R in Moved["reason"]]: number }
  movesFailed: number
  expired: number
  evicted: number
  lost: number
  unbound: number
  readonly rejected: { [T in AffinityError["_tag"]]?: number }
}

export const make = (settings: Settings): Table => ({
  settings,
  keys: new KeyIndex(settings.maxBindings),
  slots: new Slots(settings.maxBindings, settings.sliding),
  targets: new Map(),
  seats: [],
  vacant: [],
  active: [],
  moves: new Map(),
  metadata: new Map(),
  counters: {
    resolutions: 0,
    hits: 0,
    created: 0,
    movedBy: { busy: 0, draining: 0, gone: 0, bind: 0 },
    movesFailed: 0,
    expired: 0,
    evicted: 0,
    lost: 0,
    unbound: 0,
    rejected: {}
  },
  live: 0,
  epoch: 0,
  turn: 0,
  random: undefined,
  waiting: 0,
  released: new Set(),
  stirred: new Set(),
  warned: false,
  hooks: undefined,
  metrics: undefined,
  emit: undefined
})

/** A target in a seat of its own. */
export const makeTarget = (table: Table, id: string, weight: number): Target => {
  const target = new Target(id, table.vacant.pop() ?? table.seats.length, weight)
  table.seats[target.seat] = target
  return target
}

/** Gives the seat of a gone target up, once no slot names it. */
export const vacate = (table: Table, target: Target): void => {
  if (target.named > 0 || target.state !== "gone") return
  table.seats[target.seat] = undefined
  table.vacant.push(target.seat)
}

/** The target that a slot names. */
export const targetOf = (table: Table, slot: number): Target => {
  const target = table.seats[table.slots.targetOf(slot)]
  if (target === undefined) throw new Error(`Slot ${slot} names no target`)
  return target
}

export const isBusy = (table: Table, target: Target): boolean =>
  table.settings.busy !== undefined && table.settings.busy(target)

/** Marks a target that may take more than it could. */
export const stir = (table: Table, target: Target): void => {
  if (target.waiters.size > 0) table.stirred.add(target)
}
