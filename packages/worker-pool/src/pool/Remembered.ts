/**
 * What was broadcast and is remembered, in order. What has the key of an earlier one takes its place, on trial: until it is confirmed it can be
 * undone, and the earlier one is back.
 */

/** What is remembered: values with or without a key. */
export interface Remembered<A extends { readonly key: string | undefined }> {
  /** Whether there is no room for another of this key. */
  readonly isFull: (key: string | undefined) => boolean
  /** Remembers a value, at the place of the one with its key, or else as the last. */
  readonly add: (value: A) => void
  /** A value stays; answers those whose place it took. */
  readonly confirm: (value: A) => ReadonlyArray<A>
  /** Takes a value out again; the one whose place it took is back. */
  readonly undo: (value: A) => void
  /** Forgets what has this key; answers it. */
  readonly forget: (key: string) => ReadonlyArray<A>
  /** Whether it is remembered now. */
  readonly has: (value: A) => boolean
  /** The first of those that are not `done`. */
  readonly next: (done: ReadonlySet<A>) => A | undefined
  readonly size: () => number
}

/** A value, and the one it took the place of while it is on trial. */
interface Trial<A> {
  readonly value: A
  before: Trial<A> | undefined
}

/** Makes it, with nothing remembered; `limit` is the most. */
export const make = <A extends { readonly key: string | undefined }>(limit: number): Remembered<A> => {
  let places: ReadonlyArray<Trial<A>> = []

  const replace = (old: Trial<A>, by: Trial<A> | undefined): void => {
    places = places.flatMap((one) => (one === old ? (by === undefined ? [] : [by]) : [one]))
  }

  const keyed = (key: string | undefined): Trial<A> | undefined =>
    key === undefined ? undefined : places.find(({ value }) => value.key === key)

  return {
    isFull: (key) => places.length >= limit && keyed(key) === undefined,
    add: (value) => {
      const before = keyed(value.key)
      if (before === undefined) places = [...places, { value, before }]
      else replace(before, { value, before })
    },
    confirm: (value) => {
      const own = places.flatMap(chain).find((one) => one.value === value)
      const over = own?.before === undefined ? [] : chain(own.before).map((one) => one.value)
      if (own !== undefined) own.before = undefined
      return over
    },
    undo: (value) => {
      for (const latest of places) {
        if (latest.value === value) return replace(latest, latest.before)
        const later = chain(latest).find(({ before }) => before?.value === value)
        if (later !== undefined) return void (later.before = later.before?.before)
      }
    },
    forget: (key) => {
      const latest = keyed(key)
      if (latest === undefined) return []
      replace(latest, undefined)
      return chain(latest).map(({ value }) => value)
    },
    has: (value) => places.some((one) => one.value === value),
    next: (done) => places.find(({ value }) => !done.has(value))?.value,
    size: () => places.length
  }
}

/** A trial, and those before it, the latest first. */
const chain = <A>(latest: Trial<A>): ReadonlyArray<Trial<A>> =>
  latest.before === undefined ? [latest] : [latest, ...chain(latest.before)]
