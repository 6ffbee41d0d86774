/** Windows: how many of the latest calls were marked (as failed, as slow). All times in milliseconds. */

/** A window, and its memory. */
export interface Window {
  /** Takes in a call that ended, or got slow, now. */
  readonly add: (now: number, marked: boolean) => void
  /** How many calls it has, and how many of them are marked, as of the last `add` or `expire`. */
  calls: number
  marked: number
  /** Forgets what is too old by now. */
  readonly expire: (now: number) => void
  readonly clear: () => void
  /** What it knows, as plain data, and back. */
  readonly save: (now: number) => Saved
  readonly load: (saved: Saved, now: number) => void
}

/** Calls with their age, the oldest first: those of a window of calls have none. */
export type Saved = ReadonlyArray<{ readonly age: number; readonly calls: number; readonly marked: number }>

/** Of the last `size` calls. */
export class Calls implements Window {
  calls = 0
  marked = 0
  private readonly ring: Uint8Array
  private next = 0

  constructor(size: number) {
    this.ring = new Uint8Array(size)
  }

  readonly add = (_now: number, marked: boolean): void => {
    const { next, ring } = this
    if (this.calls === ring.length) this.marked -= ring[next] ?? 0
    else this.calls++
    const bit = marked ? 1 : 0
    ring[next] = bit
    this.marked += bit
    this.next = next + 1 === ring.length ? 0 : next + 1
  }

  readonly expire = (): void => {}

  readonly clear = (): void => {
    this.calls = this.marked = this.next = 0
  }

  readonly save = (): Saved => {
    const { calls, next, ring } = this
    return Array.from({ length: calls }, (_, index) => ({
      age: 0,
      calls: 1,
      marked: ring[(next - calls + index + ring.length) % ring.length] ?? 0
    }))
  }

  readonly load = (saved: Saved): void => {
    this.clear()
    for (const { marked } of saved) this.add(0, marked > 0)
  }
}

const PARTS = 10

/** Of the last `length` milliseconds, in ten parts. */
export class Time implements Window {
  calls = 0
  marked = 0
  private readonly part: number
  private readonly callsOf = new Int32Array(PARTS)
  private readonly markedOf = new Int32Array(PARTS)
  /** The number of the part that is being filled, counted from time 0. */
  private current = 0

  constructor(length: number) {
    this.part = length / PARTS
  }

  readonly add = (now: number, marked: boolean): void => {
    this.expire(now)
    this.fill(this.current, 1, marked ? 1 : 0)
  }

  // Every part that has passed, however many: not one for each call.
  readonly expire = (now: number): void => {
    const part = Math.floor(now / this.part)
    const passed = part - this.current
    if (passed <= 0) return
    if (passed >= PARTS) this.clear()
    else
      for (let gone = this.current + 1; gone <= part; gone++) {
        const slot = gone % PARTS
        this.calls -= this.callsOf[slot] ?? 0
        this.marked -= this.markedOf[slot] ?? 0
        this.callsOf[slot] = this.markedOf[slot] = 0
      }
    this.current = part
  }

  readonly clear = (): void => {
    this.calls = this.marked = 0
    this.callsOf.fill(0)
    this.markedOf.fill(0)
  }

  readonly save = (now: number): Saved => {
    this.expire(now)
    return Array.from({ length: PARTS }, (_, index) => {
      const part = this.current - (PARTS - 1 - index)
      const slot = ((part % PARTS) + PARTS) % PARTS
      return { age: now - part * this.part, calls: this.callsOf[slot] ?? 0, marked: this.markedOf[slot] ?? 0 }
    }).filter(({ calls }) => calls > 0)
  }

  readonly load = (saved: Saved, now: number): void => {
    this.clear()
    this.current = Math.floor(now / this.part)
    for (const { age, calls, marked } of saved) {
      const part = Math.floor((now - age) / this.part)
      if (part > this.current - PARTS && part <= this.current) this.fill(part, calls, marked)
    }
  }

  private fill(part: number, calls: number, marked: number): void {
    const slot = ((part % PARTS) + PARTS) % PARTS
    this.callsOf[slot] = (this.callsOf[slot] ?? 0) + calls
    this.markedOf[slot] = (this.markedOf[slot] ?? 0) + marked
    this.calls += calls
    this.marked += marked
  }
}
