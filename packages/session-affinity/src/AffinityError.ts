/**
 * Why a key cannot be served.
 */

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
  /** The kind of error, for code that handles errors of several packages: always `"session"`. */
  readonly category = "session"
  readonly key: string

  constructor(key: string) {
    this.key = key
  }

  get name(): string {
    return this._tag
  }
}

abstract class RefusedByTarget extends Refused {
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

/** The target of the key is busy, and the mode allows no other, or there is none. */
export class TargetBusy extends RefusedByTarget {
  readonly _tag = "TargetBusy"
  /** Its leases in use, a count. */
  readonly load: number

  constructor(key: string, target: string, load: number) {
    super(key, target)
    this.load = load
  }

  get message(): string {
    return `Target "${this.target}" of key "${this.key}" is busy (load ${this.load})`
  }
  get hint(): string {
    return "try again later, or use mode prefer if another target will do"
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
export class NoTargets extends Refused {
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
export class BindingsFull extends Refused {
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

/** Every way a key can fail to be served. */
export type AffinityError =
  | TargetGone
  | TargetDraining
  | TargetBusy
  | BindingExpired
  | NoTargets
  | BindingsFull
