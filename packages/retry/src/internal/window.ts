/** How many there were in the last so many milliseconds, in ten parts; every part that has passed is forgotten. */

const PARTS = 10

export class Window {
  private readonly part: number
  private readonly counts = new Int32Array(PARTS)
  /** The number of the part that is being filled, counted from time 0. */
  private current = 0
  private total = 0

  constructor(length: number) {
    this.part = length / PARTS
  }

  add(now: number): void {
    this.expire(now)
    const slot = this.current % PARTS
    this.counts[slot] = (this.counts[slot] ?? 0) + 1
    this.total++
  }

  count(now: number): number {
    this.expire(now)
    return this.total
  }

  private expire(now: number): void {
    const part = Math.floor(now / this.part)
    if (part <= this.current) return
    const gone = Math.min(part - this.current, PARTS)
    for (let step = 1; step <= gone; step++) {
      const slot = (this.current + step) % PARTS
      this.total -= this.counts[slot] ?? 0
      this.counts[slot] = 0
    }
    this.current = part
  }
}
