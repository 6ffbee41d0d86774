/** Something that a test can leave behind, as every watcher tells of it, and how watchers take notes of calls. */
import type { Origin } from "./Origin.ts"

export interface Found {
  /** Tells it from all others of its kind. */
  readonly key: string
  /** What it is, in some words. */
  readonly what: string
  readonly origin: Origin
  readonly pid?: number
}

/** Looks after one kind of thing. */
export interface Watcher {
  /** Begins to take notes; gives what ends that and puts all back as it was. */
  readonly start: () => () => void
  /** What is there now. */
  readonly list: () => ReadonlyArray<Found>
}

/** Puts a function in the place of a method, if there is one; gives what puts the method back. */
export const wrapMethod = (
  owner: object,
  name: string,
  wrapper: (self: unknown, original: Method, args: Array<unknown>) => unknown
): (() => void) => {
  const original: unknown = Reflect.get(owner, name)
  if (!isMethod(original)) return () => {}
  Reflect.set(owner, name, function (this: unknown, ...args: Array<unknown>) {
    return wrapper(this, original, args)
  })
  return () => void Reflect.set(owner, name, original)
}

export type Method = (this: unknown, ...args: Array<unknown>) => unknown

const isMethod = (u: unknown): u is Method => typeof u === "function"
