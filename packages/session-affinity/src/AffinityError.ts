/**
 * Why a key cannot be served, or what is said of a target not taken.
 */
import * as Cause from "effect/Cause"

/**
 * What all these errors have in common. They are answers rather than faults, and come by the thousand when targets are
 * busy, so they carry no stack: building one costs about as much as an object.
 */
abstract class Refused implements Error {
  static {
    // `instanceof Error`, and printed as one, without the `Error` constructor, which would capture a stack.
    Object.setPrototypeOf(this.prototype, Error.prototype)
  }

  abstract readonly _tag: string
  abstract readonly message: string
  /** What to do about it. */
  abstract readonly hint: string
  /** The kind of error, for code that handles errors of several packages. */
  abstract readonly category: "session" | "validation"

  get name(): string {
    return this._tag
  }
}

abstract class RefusedKey extends Refused {
  readonly category = "session"
  readonly key: string

  constructor(key: string) {
    super()
    this.key = key
  }
}

abstract class RefusedByTarget extends RefusedKey {
  /** The id of the target the key is bound to. */
  readonly target: string

  constructor(key: string, target: string) {
    super(key)
    this.target = target
  }
}

/** The target of the key was removed, or never added; what it held for the key is lost. */
export class TargetGone extends RefusedByTarget {
  readonly _tag = "TargetGone"

  get message(): string {
    return `Target "${this.target}" of key "${this.key}" is gone`
  }
  get hint(): string {
    return "its state is lost: unbind the key and start anew, or use mode rebind if the state can be rebuilt"
  }
}

/** The target of the key is draining and takes no more work. */
export class TargetDraining extends RefusedByTarget {
  readonly _tag = "TargetDraining"

  get message(): string {
    return `Target "${this.target}" of key "${this.key}" is draining`
  }
  get hint(): string {
    return "bind the key to another target, or use mode rebind if its state can be rebuilt"
  }
}

/** The target of the key is busy: the mode allows no other, or there is none, or it was waited for in vain. */
export class TargetBusy extends RefusedByTarget {
  readonly _tag = "TargetBusy"
  /** What it has to do: its leases in use, and what was reported of it. */
  readonly load: number
  /** How long the call waited, in milliseconds; 0 if it did not. */
  readonly waited: number

  constructor(key: string, target: string, load: number, waited: number) {
    super(key, target)
    this.load = load
    this.waited = waited
  }

  get message(): string {
    return `Target "${this.target}" of key "${this.key}" is busy (load ${this.load})${waitedFor(this.waited)}`
  }
  get hint(): string {
    return "try again later, or use mode prefer if another target will do"
  }
}

/** The key is on its way to another target, where a hook restores its state. */
export class KeyMoving extends RefusedByTarget {
  readonly _tag = "KeyMoving"
  /** The id of the target it goes to; `target` is the one it leaves. */
  readonly to: string
  /** How long the call waited, in milliseconds; 0 if it did not. */
  readonly waited: number

  constructor(key: string, target: string, to: string, waited: number) {
    super(key, target)
    this.to = to
    this.waited = waited
  }

  get message(): string {
    return `Key "${this.key}" is on its way from target "${this.target}" to "${this.to}"${waitedFor(this.waited)}`
  }
  get hint(): string {
    return "try again when it has arrived; if that takes too long, look at saveState and restoreState, or lengthen waitFor"
  }
}

/** A hook failed that was to bring the key to another target. The key is where it was, and the next call tries again. */
export class MoveFailed extends RefusedByTarget {
  readonly _tag = "MoveFailed"
  /** The id of the target it was to go to; `target` is the one it was to leave. */
  readonly to: string
  /** Which hook: `saveState` or `restoreState`. */
  readonly stage: "save" | "restore"
  /** What the hook ended with. */
  readonly cause: Cause.Cause<unknown>

  constructor(
    key: string,
    target: string,
    to: string,
    stage: MoveFailed["stage"],
    cause: Cause.Cause<unknown>
  ) {
    super(key, target)
    this.to = to
    this.stage = stage
    this.cause = cause
  }

  get message(): string {
    const what = Cause.squash(this.cause)
    const why =
      what instanceof Error ? what.message : typeof what === "string" ? what : Cause.pretty(this.cause)
    return `${this.stage}State failed for key "${this.key}", from target "${this.target}" to "${this.to}": ${why}`
  }
  get hint(): string {
    return "see the cause; the key is where it was, and trying again runs the hook again"
  }
}

/** The binding of the key has expired; `target` is where it was. */
export class BindingExpired extends RefusedByTarget {
  readonly _tag = "BindingExpired"

  get message(): string {
    return `The binding of key "${this.key}" to target "${this.target}" has expired`
  }
  get hint(): string {
    return "unbind the key and start anew, or lengthen expireAfter"
  }
}

/** No target can take the key: there is none, all are draining or busy, or the strategy chose none. */
export class NoTargets extends RefusedKey {
  readonly _tag = "NoTargets"
  /** Targets known, a count. */
  readonly targets: number
  /** Of those, the ones that drain. */
  readonly draining: number

  constructor(key: string, targets: number, draining: number) {
    super(key)
    this.targets = targets
    this.draining = draining
  }

  get message(): string {
    return `No target can take key "${this.key}" (${this.targets} known, ${this.draining} of them draining)`
  }
  get hint(): string {
    return "add a target, or try again when one is free"
  }
}

/** The table holds as many bindings as it may. */
export class BindingsFull extends RefusedKey {
  readonly _tag = "BindingsFull"
  readonly maxBindings: number

  constructor(key: string, maxBindings: number) {
    super(key)
    this.maxBindings = maxBindings
  }

  get message(): string {
    return `No room to bind key "${this.key}": the table holds ${this.maxBindings} bindings`
  }
  get hint(): string {
    return 'unbind keys that are done, raise maxBindings, or set whenFull to "evict"'
  }
}

/** As many calls wait as may: for busy targets, for movements, or for their turn. */
export class WaitersFull extends RefusedKey {
  readonly _tag = "WaitersFull"
  readonly maxWaiting: number

  constructor(key: string, maxWaiting: number) {
    super(key)
    this.maxWaiting = maxWaiting
  }

  get message(): string {
    return `Key "${this.key}" would have to wait, and ${this.maxWaiting} calls wait already`
  }
  get hint(): string {
    return "try again later, add targets, or raise maxWaiting"
  }
}

/** What was to be attached to a binding is too large. Not one of {@link AffinityError}: only `annotate` fails with it. */
export class MetadataTooLarge extends RefusedKey {
  readonly _tag = "MetadataTooLarge"
  /** Characters, names and values together. */
  readonly size: number
  readonly maxMetadata: number

  constructor(key: string, size: number, maxMetadata: number) {
    super(key)
    this.size = size
    this.maxMetadata = maxMetadata
  }

  get message(): string {
    return `The metadata of key "${this.key}" has ${this.size} characters, and no more than ${this.maxMetadata} are allowed`
  }
  get hint(): string {
    return "keep it elsewhere and attach its address, or raise maxMetadata"
  }
}

/** A weight that is no number from 1e-12 to 1e12. The target is as it was: absent, or with the weight it had. */
export class InvalidWeight extends Refused {
  readonly _tag = "InvalidWeight"
  readonly category = "validation"
  /** The id of the target. */
  readonly target: string
  readonly weight: number

  constructor(target: string, weight: number) {
    super()
    this.target = target
    this.weight = weight
  }

  get message(): string {
    return `The weight of target "${this.target}" must be from 1e-12 to 1e12, and is ${String(this.weight)}`
  }
  get hint(): string {
    return "give its share relative to the others; a target that is to get no new keys is drained"
  }
}

/** A reported load that is below 0, infinite, or no number. What was reported of the target before stays. */
export class InvalidLoad extends Refused {
  readonly _tag = "InvalidLoad"
  readonly category = "validation"
  /** The id of the target. */
  readonly target: string
  readonly load: number

  constructor(target: string, load: number) {
    super()
    this.target = target
    this.load = load
  }

  get message(): string {
    return `The load of target "${this.target}" must be finite and not below 0, and is ${String(this.load)}`
  }
  get hint(): string {
    return "report how much it does besides the leases of this table; a target that is to get no new keys is drained"
  }
}

/** A value is no snapshot, or one that this table cannot take; nothing of it was. */
export class SnapshotRefused extends Refused {
  readonly _tag = "SnapshotRefused"
  readonly category = "session"
  /** What is wrong with it, and where. */
  readonly reason: string

  constructor(reason: string) {
    super()
    this.reason = reason
  }

  get message(): string {
    return `The snapshot was refused: ${this.reason}`
  }
  get hint(): string {
    return "take snapshots with this version of the package, and do not change them; else begin without one"
  }
}

/** Every way a key can fail to be served. The call was not made, so trying again is safe. */
export type AffinityError =
  | TargetGone
  | TargetDraining
  | TargetBusy
  | KeyMoving
  | MoveFailed
  | WaitersFull
  | BindingExpired
  | NoTargets
  | BindingsFull

const waitedFor = (millis: number): string => (millis > 0 ? `, after a wait of ${millis} ms` : "")
