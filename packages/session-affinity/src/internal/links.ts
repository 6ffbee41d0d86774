/**
 * Orders of numbered places, as circular doubly linked lists over two columns: moving to the end and leaving cost O(1), and a place costs
 * eight bytes. A list is named by a place of its own, which holds nothing; a place in no list points at itself.
 */
export class Links {
  private previous = new Int32Array(0)
  private next = new Int32Array(0)

  constructor(size: number) {
    this.grow(size)
  }

  /** Makes room for places up to `size`, each in no list. */
  grow(size: number): void {
    const from = this.next.length
    this.previous = copy(this.previous, new Int32Array(size))
    this.next = copy(this.next, new Int32Array(size))
    for (let place = from; place < size; place++) this.join(place, place)
  }

  /** The place that has been in a list the longest. */
  first(list: number): number | undefined {
    const place = this.after(list)
    return place === list ? undefined : place
  }

  /** Puts a place at the end of a list, taking it out of wherever it was. */
  append(list: number, place: number): void {
    this.insertBefore(list, place)
  }

  /** Puts a place before another one of a list, or at the end if that is the list itself. */
  insertBefore(other: number, place: number): void {
    if (this.before(other) === place) return
    this.remove(place)
    this.join(this.before(other), place)
    this.join(place, other)
  }

  remove(place: number): void {
    this.join(this.before(place), this.after(place))
    this.join(place, place)
  }

  after(place: number): number {
    return this.next[place] ?? place
  }

  private before(place: number): number {
    return this.previous[place] ?? place
  }

  private join(one: number, other: number): void {
    this.next[one] = other
    this.previous[other] = one
  }
}

/** The longer column, with what the shorter one held. */
export const copy = <A extends Int32Array | Uint32Array | Uint8Array | Float64Array>(from: A, to: A): A => {
  to.set(from)
  return to
}
