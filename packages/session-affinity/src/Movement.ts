/**
 * A key on its way to another target, as the hooks `saveState` and `restoreState` see it.
 */
import type { Metadata } from "./Binding.ts"

/** Which key goes from where to where, and why. */
export interface Movement {
  readonly key: string
  /** The id of the target it leaves; that one is alive unless `reason` is `"gone"`. */
  readonly from: string
  /** The id of the target it goes to. */
  readonly target: string
  readonly reason: "busy" | "draining" | "gone"
  /** The incarnation that ends with this movement; the next one gets its number when the movement is done. */
  readonly epoch: number
  /** What was attached to the binding, and stays attached. */
  readonly metadata: Metadata
}
