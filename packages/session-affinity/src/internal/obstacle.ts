/** What calls wait for, and the calls that wait. */
import type { AffinityError } from "../AffinityError.ts"
import type { Assignment } from "../Binding.ts"

/** What stands in the way of a call. */
export abstract class Obstacle {
  /** In order of arrival. */
  readonly waiters: Set<Waiter> = new Set()
  /** Why a call that gave up after `waited` milliseconds was not served. */
  abstract refusal(key: string, waited: number): AffinityError
}

/** A call that waits. */
export interface Waiter {
  readonly key: string
  /** Resolves the key again, and takes what the call came for. */
  readonly attempt: (now: number) => Answer
  /** Lets the call go on, of which nothing must run before this returns. */
  readonly resume: (answer: Assignment | AffinityError) => void
  /** The same where a function of the user's threw. */
  readonly die: (defect: unknown) => void
  /** What it waits for, and the slot of its key, until it is let go. */
  on: Obstacle | undefined
  slot: number | undefined
}

/** What a resolution comes to. */
export type Answer = Assignment | AffinityError | Obstacle

export const isAssignment = (answer: Answer): answer is Assignment => "bound" in answer

export const isObstacle = (answer: Answer): answer is Obstacle => answer instanceof Obstacle
