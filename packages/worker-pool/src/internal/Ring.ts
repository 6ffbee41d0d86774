/** The last so many of a row of values. */

/** A ring of a fixed size. */
export interface Ring<A> {
  readonly add: (value: A) => void
  /** The oldest first. */
  readonly values: () => ReadonlyArray<A>
}

/** Makes one; of size 0 it keeps nothing. */
export const make = <A>(size: number): Ring<A> => {
  const kept: Array<A> = []
  let next = 0
  return {
    add: (value) => {
      if (size === 0) return
      kept[next] = value
      next = (next + 1) % size
    },
    values: () => (kept.length < size ? [...kept] : [...kept.slice(next), ...kept.slice(0, next)])
  }
}
