/** A table of bindings as simple as can be: lists searched from end to end, sorted by numbered deeds. */
import type { Mode } from "@fireweed/session-affinity"
import { Placement } from "@fireweed/session-affinity"
import type { Settings } from "../../src/internal/table.ts"

interface Target {
  readonly id: string
  draining: boolean
  load: number
}

interface Binding {
  readonly key: string
  state: "bound" | "expired" | "lost"
  target: Target
  epoch: number
  due: number
  leases: number
  /** Numbers of deeds: when it was made or buried, last used, came to its target. */
  aged: number
  used: number
  came: number
}

export const isBusy = (target: { readonly load: number }): boolean => target.load >= 2

export class Model {
  targets: Array<Target> = []
  bindings: Array<Binding> = []
  epoch = 0
  private deed = 0
  private readonly settings: Settings
  constructor(settings: Settings) {
    this.settings = settings
  }

  add(id: string): void {
    const known = this.targets.find((target) => target.id === id)
    if (known === undefined) this.targets.push({ id, draining: false, load: 0 })
    else known.draining = false
  }

  drain(id: string): Array<string> {
    const target = this.targets.find((target) => target.id === id)
    if (target === undefined) return []
    target.draining = true
    return this.heldBy(target).map((binding) => binding.key)
  }

  remove(id: string, now: number): Array<string> {
    const target = this.targets.find((target) => target.id === id)
    if (target === undefined) return []
    this.targets = this.targets.filter((other) => other !== target)
    const held = this.heldBy(target)
    for (const binding of held) this.bury(binding, "lost", now)
    return held.map((binding) => binding.key)
  }

  /** `target#epoch`, or the tag of the error, or `waits for target`. */
  resolve(key: string, rules: Mode.Rules, now: number): string {
    const binding = this.get(key)
    if (binding === undefined) return this.place(key, rules, now)
    if (binding.state === "expired") {
      return rules.expired === "fail" ? "BindingExpired" : this.place(key, rules, now)
    }
    if (binding.state === "lost") {
      return rules.gone === "move" ? this.moveAway(binding, rules, now) : "TargetGone"
    }
    if (binding.target.draining) {
      return rules.draining === "fail" ? "TargetDraining" : this.moveAway(binding, rules, now)
    }
    if (isBusy(binding.target)) {
      if (rules.busy === "wait") return `waits for ${binding.target.id}`
      const other = rules.busy === "fail" ? undefined : this.choose(key, rules)
      if (other === undefined) return "TargetBusy"
      if (rules.busy === "move") return this.move(binding, other, now)
      this.use(binding, now)
      return `${other.id}#${binding.epoch}`
    }
    this.use(binding, now)
    return `${binding.target.id}#${binding.epoch}`
  }

  bind(key: string, id: string, now: number): string {
    const target = this.targets.find((target) => target.id === id)
    if (target === undefined) return "TargetGone"
    if (target.draining) return "TargetDraining"
    const binding = this.get(key)
    if (binding?.state !== "bound") return this.create(key, target, now)
    if (binding.target !== target) return this.move(binding, target, now)
    this.use(binding, now)
    return `${id}#${binding.epoch}`
  }

  unbind(key: string): boolean {
    const binding = this.get(key)
    this.bindings = this.bindings.filter((other) => other !== binding)
    return binding?.state === "bound"
  }

  /** Takes a lease as {@link resolve} answered; the answer gives it back. */
  lease(key: string, id: string): (now: number) => void {
    const binding = this.get(key)
    const target = this.targets.find((target) => target.id === id)
    if (binding !== undefined) binding.leases++
    if (target !== undefined) target.load++
    return (now) => {
      if (target !== undefined) target.load--
      if (binding === undefined) return
      binding.leases--
      if (binding.state === "bound" && this.bindings.includes(binding)) this.use(binding, now)
    }
  }

  /** Lets time pass: expires what is due, then forgets what was dead for as long. */
  sweep(now: number): void {
    for (const binding of this.sorted("bound", "due", this.settings.sliding ? "used" : "aged")) {
      if (binding.due > now) continue
      if (this.settings.sliding && binding.leases > 0) this.use(binding, now)
      else this.bury(binding, "expired", now)
    }
    this.bindings = this.bindings.filter((binding) => binding.state === "bound" || binding.due > now)
  }

  get(key: string): Binding | undefined {
    return this.bindings.find((binding) => binding.key === key)
  }

  describe(keys: ReadonlyArray<string>, now: number): string {
    const seen = keys.map((key) => {
      const binding = this.get(key)
      if (binding === undefined) return "unknown"
      const where = `${binding.state}@${binding.target.id}#${binding.epoch}`
      const inUse = this.settings.sliding && binding.leases > 0
      const due = inUse ? now + this.settings.lifetime : binding.due
      return binding.state === "bound" ? `${where}<${due}` : where
    })
    return [...seen, ...this.targets.map(({ id, load }) => `${id}:${load}`)].join(" ")
  }

  private place(key: string, rules: Mode.Rules, now: number): string {
    const target = this.choose(key, rules)
    if (target === undefined) return "NoTargets"
    const answer = this.create(key, target, now)
    return isBusy(target) && answer !== "BindingsFull" ? `waits for ${target.id}` : answer
  }

  private moveAway(binding: Binding, rules: Mode.Rules, now: number): string {
    const target = this.choose(binding.key, rules)
    if (target === undefined) return "NoTargets"
    const answer = this.move(binding, target, now)
    return isBusy(target) ? `waits for ${target.id}` : answer
  }

  private choose(key: string, rules: Mode.Rules): Target | undefined {
    const active = this.targets.filter((target) => !target.draining)
    const free = active.filter((target) => !isBusy(target))
    const eligible = free.length === 0 && rules.busy === "wait" ? active : free
    const chosen = Placement.choose(
      this.settings.placement,
      key,
      eligible.map((target) => ({ id: target.id, weight: 1, load: target.load, bindings: 0 }))
    )
    return this.targets.find((target) => target.id === chosen?.id)
  }

  private create(key: string, target: Target, now: number): string {
    if (this.get(key) === undefined && !this.makeRoom()) return "BindingsFull"
    return this.insert(key, target, now)
  }

  private insert(key: string, target: Target, now: number): string {
    this.unbind(key)
    this.deed++
    const epoch = ++this.epoch
    const due = now + this.settings.lifetime
    const deeds = { aged: this.deed, used: this.deed, came: this.deed }
    this.bindings.push({ key, state: "bound", target, epoch, due, leases: 0, ...deeds })
    return `${target.id}#${epoch}`
  }

  private move(binding: Binding, target: Target, now: number): string {
    if (binding.state === "lost") return this.insert(binding.key, target, now)
    binding.target = target
    binding.epoch = ++this.epoch
    binding.came = ++this.deed
    this.use(binding, now)
    return `${target.id}#${binding.epoch}`
  }

  private use(binding: Binding, now: number): void {
    binding.used = ++this.deed
    if (this.settings.sliding) binding.due = now + this.settings.lifetime
  }

  private bury(binding: Binding, state: "expired" | "lost", now: number): void {
    binding.state = state
    binding.due = now + this.settings.lifetime
    binding.aged = ++this.deed
  }

  private makeRoom(): boolean {
    if (this.bindings.length < this.settings.maxBindings) return true
    const dead = this.bindings
      .filter((binding) => binding.state !== "bound")
      .toSorted((a, b) => a.aged - b.aged)
    const idle = this.sorted("bound", "used", "used").filter((binding) => binding.leases === 0)
    const victim = dead[0] ?? (this.settings.evict ? idle[0] : undefined)
    if (victim === undefined) return false
    this.bindings = this.bindings.filter((other) => other !== victim)
    return true
  }

  private heldBy(target: Target): Array<Binding> {
    return this.sorted("bound", "came", "came").filter((binding) => binding.target === target)
  }

  private sorted(
    state: Binding["state"],
    by: "due" | "used" | "came",
    then: "used" | "came" | "aged"
  ): Array<Binding> {
    return this.bindings
      .filter((binding) => binding.state === state)
      .toSorted((a, b) => a[by] - b[by] || a[then] - b[then])
  }
}
