/**
 * When a worker that does its work is replaced all the same: it has served, lived or grown enough, or its calls left something behind.
 */

/** The limits of a life; what is not set has none. */
export interface Limits {
  /** Calls it answers. */
  readonly calls?: number | undefined
  /** Milliseconds since it was ready. */
  readonly age?: number | undefined
  /** Resident memory of its process, in bytes. */
  readonly memory?: number | undefined
  /** Whether one goes whose calls left something behind. */
  readonly dirty: boolean
  /** What a worker lives at least, in milliseconds: so a limit below what all need costs a start now and then, and no more. */
  readonly minLife: number
}

/** What is seen of a worker. */
export interface Life {
  readonly served: number
  readonly age: number
  readonly memory: number | undefined
  readonly dirty: boolean
}

/** Why one is replaced. */
export type Reason = "calls" | "age" | "memory" | "dirty"

/** Why this one is to be replaced; `undefined` if it goes on. */
export const reason = (life: Life, limits: Limits): Reason | undefined => {
  if (life.age < limits.minLife) return undefined
  if (life.served >= (limits.calls ?? Number.POSITIVE_INFINITY)) return "calls"
  if ((life.memory ?? 0) >= (limits.memory ?? Number.POSITIVE_INFINITY)) return "memory"
  if (life.dirty && limits.dirty) return "dirty"
  return life.age >= (limits.age ?? Number.POSITIVE_INFINITY) ? "age" : undefined
}

/** Whether any worker would ever be replaced. */
export const isOff = ({ age, calls, dirty, memory }: Limits): boolean =>
  age === undefined && calls === undefined && memory === undefined && !dirty
