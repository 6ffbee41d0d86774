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
  private readonly keys: Array<string> = []
  private epochs = new Float64Array(0)
  private createdAts = new Float64Array(0)
  private renewedAts = new Float64Array(0)
  private targets = new Int32Array(0)
  private leases = new Uint32Array(0)
  private states = new Uint8Array(0)
  private size = FIRST_SLOT
  private readonly expected: number

  /** `expected` is how many bindings there may come to be; `oneOrder`, whether a use renews the age. */
  constructor(expected: number, oneOrder: boolean) {
    this.expected = expected + FIRST_SLOT
    this.ages = new Links(FIRST_SLOT)
    this.uses = oneOrder ? this.ages : new Links(FIRST_SLOT)
    this.grow(Math.min(this.expected, 16))
  }

  /** A free slot, filled with a binding that is in no list yet. */
  take(binding: Row, target: number): number {
    let slot = this.ages.first(UNUSED)
    if (slot === undefined) {
      slot = this.size++
      if (slot >= this.states.length) this.grow(this.states.length * 2)
    }
    this.ages.remove(slot)
    this.keys[slot] = binding.key
    this.epochs[slot] = binding.epoch
    this.createdAts[slot] = binding.createdAt
    this.renewedAts[slot] = binding.renewedAt
    this.targets[slot] = target
    this.leases[slot] = 0
    this.states[slot] = BOUND
    return slot
  }

  /** Takes a slot out of all orders; it can be used again once no lease holds it. */
  give(slot: number): void {
    this.uses.remove(slot)
    if (this.leasesOf(slot) > 0) {
      this.states[slot] = FORGOTTEN
      this.ages.remove(slot)
      return
    }
    this.states[slot] = FREE
    this.keys[slot] = ""
    this.ages.append(UNUSED, slot)
  }

  keyOf(slot: number): string {
    return this.keys[slot] ?? ""
  }

  stateOf(slot: number): State {
    return STATES[this.states[slot] ?? FREE] ?? FREE
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
    return this.leases[slot] ?? 0
  }

  setState(slot: number, state: State): void {
    this.states[slot] = state
  }

  setTarget(slot: number, target: number, epoch: number): void {
    this.targets[slot] = target
    this.epochs[slot] = epoch
  }

  renew(slot: number, now: number): void {
    this.renewedAts[slot] = now
  }

  lease(slot: number, by: 1 | -1): void {
    this.leases[slot] = this.leasesOf(slot) + by
  }

  /** All slots in use, in no order. */
  *used(): Generator<number> {
    for (let slot = FIRST_SLOT; slot < this.size; slot++) if (this.states[slot] !== FREE) yield slot
  }

  /** The slots of bindings to a target, in no order. */
  at(target: number): Array<number> {
    const found: Array<number> = []
    const { size, states, targets } = this
    for (let slot = FIRST_SLOT; slot < size; slot++) {
      if (targets[slot] === target && (states[slot] === BOUND || states[slot] === MOVING)) found.push(slot)
    }
    return found
  }

  private grow(wanted: number): void {
    const capacity = this.states.length < this.expected ? Math.min(wanted, this.expected) : wanted
    this.ages.grow(capacity)
    if (this.uses !== this.ages) this.uses.grow(capacity)
    this.epochs = copy(this.epochs, new Float64Array(capacity))
    this.createdAts = copy(this.createdAts, new Float64Array(capacity))
    this.renewedAts = copy(this.renewedAts, new Float64Array(capacity))
    this.targets = copy(this.targets, new Int32Array(capacity))
    this.leases = copy(this.leases, new Uint32Array(capacity))
    this.states = copy(this.states, new Uint8Array(capacity))
  }
}

const STATES = [FREE, BOUND, EXPIRED, LOST, MOVING, FORGOTTEN] as const
