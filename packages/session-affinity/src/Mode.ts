/**
 * What a caller gets when the target its key is bound to cannot serve it, as a table of rules.
 */

/** The name of a row of {@link rules}. */
export type Mode = "prefer" | "wait" | "strict" | "rebind"

/** One row: what happens when the bound target is busy, draining or gone, and when the binding has expired. */
export interface Rules {
  /** `another`: serve elsewhere once, keep the binding; `move`: bind elsewhere; `wait`: wait for it; `fail`: `TargetBusy`. */
  readonly busy: "another" | "move" | "wait" | "fail"
  /** `move`: bind elsewhere, after `saveState`; `fail`: `TargetDraining`. */
  readonly draining: "move" | "fail"
  /** `move`: bind elsewhere; `restore`: the same if there is a `restoreState`, else fail; `fail`: `TargetGone`. */
  readonly gone: "move" | "restore" | "fail"
  /** `place`: a new binding; `fail`: `BindingExpired`. */
  readonly expired: "place" | "fail"
}

/**
 * The modes:
 *
 * | mode | busy | draining | gone | expired | for |
 * | --- | --- | --- | --- | --- | --- |
 * | `wait` | waits for it | moves | moves if its state can be restored, else fails | fails | state that lives in the target |
 * | `strict` | fails | fails | fails | fails | the same, by callers that do not wait |
 * | `rebind` | moves | moves | moves | new placement | state that can be rebuilt elsewhere |
 * | `prefer` | another, binding kept | moves | moves | new placement | caches: any target will do |
 *
 * A key that has no binding is placed among the targets that are not busy. If all are, `wait` places it among them and waits; the others
 * fail with `NoTargets`.
 *
 * ```ts
 * import { Mode } from "@fireweed/session-affinity"
 *
 * if (Mode.rules.strict.gone !== "fail") throw new Error("strict must not lose state in silence")
 * ```
 */
export const rules: { readonly [M in Mode]: Rules } = {
  prefer: { busy: "another", draining: "move", gone: "move", expired: "place" },
  wait: { busy: "wait", draining: "move", gone: "restore", expired: "fail" },
  strict: { busy: "fail", draining: "fail", gone: "fail", expired: "fail" },
  rebind: { busy: "move", draining: "move", gone: "move", expired: "place" }
}
