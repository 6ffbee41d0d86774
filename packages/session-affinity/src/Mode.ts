/**
 * What a caller gets when the target its key is bound to cannot serve it, as a table of rules.
 */

/** The name of a row of {@link rules}. */
export type Mode = "prefer" | "strict" | "rebind"

/** One row: what happens when the bound target is busy, draining or gone, and when the binding has expired. */
export interface Rules {
  /** `another`: serve elsewhere once, keep the binding; `move`: bind elsewhere; `fail`: `TargetBusy`. */
  readonly busy: "another" | "move" | "fail"
  /** `move`: bind elsewhere; `fail`: `TargetDraining`. */
  readonly draining: "move" | "fail"
  /** `move`: bind elsewhere; `fail`: `TargetGone`. */
  readonly gone: "move" | "fail"
  /** `place`: a new binding; `fail`: `BindingExpired`. */
  readonly expired: "place" | "fail"
}

/**
 * The modes:
 *
 * | mode | busy | draining | gone | expired | for |
 * | --- | --- | --- | --- | --- | --- |
 * | `prefer` | another, binding kept | moves | moves | new placement | caches: any target will do |
 * | `strict` | fails | fails | fails | fails | state that lives in the target |
 * | `rebind` | moves | moves | moves | new placement | state that can be rebuilt elsewhere |
 *
 * ```ts
 * import { Mode } from "@fireweed/session-affinity"
 *
 * if (Mode.rules.strict.gone !== "fail") throw new Error("strict must not lose state in silence")
 * ```
 */
export const rules: { readonly [M in Mode]: Rules } = {
  prefer: { busy: "another", draining: "move", gone: "move", expired: "place" },
  strict: { busy: "fail", draining: "fail", gone: "fail", expired: "fail" },
  rebind: { busy: "move", draining: "move", gone: "move", expired: "place" }
}
