/**
 * Bindings as columns: each has a slot, a number by which its parts are found. So a million of them are a dozen arrays rather than a
 * million objects: about half the memory, and nothing for the garbage collector to walk.
 */
import { copy, Links } from "./links.ts"

/** What a slot holds. A binding whose key was forgotten while calls used it keeps its slot until the last of them ends. */
export type State =
  | typeof FREE
  | typeof BOUND
  | typeof EXPIRED
  | typeof LOST
  | typeof MOVING
  | typeof FORGOTTEN
export const FREE = 0
export const BOUND = 1
export const EXPIRED = 2
export const LOST = 3
export const MOVING = 4
export const FORGOTTEN = 5

/** The lists that a slot can be in. */
export const LIVE = 0
export const DEAD = 1
const UNUSED = 2
const FIRST_SLOT = 3

/** Columns of tables that hold nothing yet, which most of them do when they are made: all the same ones. */
const NO_NUMBERS = new Float64Array(0)
const NO_TARGETS = new Int32Array(0)
const NO_STATUS = new Uint32Array(0)
/** The first length of columns that hold something. */
const LEAST = 16

const STATE_BITS = 3
const STATE = 0b111
const ONE_LEASE = 0b1000

export interface Row {
  readonly key: string
  readonly epoch: number
  readonly createdAt: number
  readonly renewedAt: number
}

export class Slots {
  /** Live bindings by the time they expire, dead ones by the time they are forgotten. */
  readonly ages: Links
  /** Idle bindings, the least recently used first; the same as `ages` where a use renews the age. */
  readonly uses: Links
  private keys: Array<string> = []
  private epochs = NO_NUMBERS
  private createdAts = NO_NUMBERS
  private renewedAts = NO_NUMBERS
  private targets = NO_TARGETS
  /** The state, in three bits, and above it the count of leases. */
  private status = NO_STATUS
  private size = FIRST_SLOT
  private readonly expected: number

  /** `expected` is how many bindings there may come to be; `oneOrder`, whether a use renews the age. */
  constructor(expected: number, oneOrder: boolean) {
    this.expected = expected + FIRST_SLOT
    this.ages = new Links(FIRST_SLOT)
    this.uses = oneOrder ? this.ages : new Links(FIRST_SLOT)
  }

  /** A free slot, filled with a binding that is in no list yet. */
  take(binding: Row, target: number): number {
    let slot = this.ages.first(UNUSED)
    if (slot === undefined) {
      slot = this.size++
      if (slot >= this.status.length) this.grow(Math.max(LEAST, this.status.length * 2))
    }
    this.ages.remove(slot)
    this.keys[slot] = binding.key
    this.epochs[slot] = binding.epoch
    this.createdAts[slot] = binding.createdAt
    this.renewedAts[slot] = binding.renewedAt
    this.targets[slot] = target
    this.status[slot] = BOUND
    return slot
  }

  /** Takes a slot out of all orders; it can be used again once no lease holds it. */
  give(slot: number): void {
    this.uses.remove(slot)
    if (this.leasesOf(slot) > 0) {
      this.setState(slot, FORGOTTEN)
      this.ages.remove(slot)
      return
    }
    this.status[slot] = FREE
    this.keys[slot] = ""
    this.ages.append(UNUSED, slot)
  }

  keyOf(slot: number): string {
    return this.keys[slot] ?? ""
  }

  stateOf(slot: number): number {
    return (this.status[slot] ?? FREE) & STATE
  }

  epochOf(slot: number): number {
    return this.epochs[slot] ?? 0
  }

  createdAt(slot: number): number {
    return this.createdAts[slot] ?? 0
  }

  /** When its lifetime last began. */
  renewedAt(slot: number): number {
    return this.renewedAts[slot] ?? 0
  }

  targetOf(slot: number): number {
    return this.targets[slot] ?? -1
  }

  leasesOf(slot: number): number {
    return (this.status[slot] ?? 0) >>> STATE_BITS
  }

  setState(slot: number, state: State): void {
    this.status[slot] = (this.leasesOf(slot) << STATE_BITS) | state
  }

  setTarget(slot: number, target: number, epoch: number): void {
    this.targets[slot] = target
    this.epochs[slot] = epoch
  }

  renew(slot: number, now: number): void {
    this.renewedAts[slot] = now
  }

  lease(slot: number, by: 1 | -1): void {
    this.status[slot] = (this.status[slot] ?? 0) + by * ONE_LEASE
  }

  /** All slots in use, in no order. */
  *used(): Generator<number> {
    for (let slot = FIRST_SLOT; slot < this.size; slot++) if (this.stateOf(slot) !== FREE) yield slot
  }

  /** The slots of bindings to a target, in no order. */
  at(target: number): Array<number> {
    const found: Array<number> = []
    for (let slot = FIRST_SLOT; slot < this.size; slot++) {
      if (this.targets[slot] !== target) continue
      const state = this.stateOf(slot)
      if (state === BOUND || state === MOVING) found.push(slot)
    }
    return found
  }

  private grow(wanted: number): void {
    const capacity = this.status.length < this.expected ? Math.min(wanted, this.expected) : wanted
    // Made at its full length, as pushing would leave it up to half empty.
    this.keys = Array.from({ length: capacity }, (_, slot) => this.keyOf(slot))
    this.ages.grow(capacity)
    if (this.uses !== this.ages) this.uses.grow(capacity)
    this.epochs = copy(this.epochs, new Float64Array(capacity))
    this.createdAts = copy(this.createdAts, new Float64Array(capacity))
    this.renewedAts = copy(this.renewedAts, new Float64Array(capacity))
    this.targets = copy(this.targets, new Int32Array(capacity))
    this.status = copy(this.status, new Uint32Array(capacity))
  }
}
