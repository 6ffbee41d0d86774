/** A table of bindings as others may see it: plain data, as of now. */
import type { BindingInfo, Lookup, Snapshot, Stats, TargetInfo } from "../Binding.ts"
import * as Order from "./order.ts"
import { lookup } from "./routing.ts"
import * as Table from "./table.ts"

export const describe = (table: Table.Table, key: string, now: number): Lookup => {
  const entry = lookup(table, key, now)
  if (entry === undefined) return { _tag: "Unknown", key }
  if (entry.state === "bound") return { _tag: "Bound", ...bindingInfo(entry) }
  const { target, epoch } = entry.assignment
  return { _tag: entry.state === "lost" ? "TargetGone" : "Expired", key, target, epoch }
}

export const stats = (table: Table.Table, now: number): Stats => {
  Table.sweep(table, now)
  const targets = targetInfos(table)
  const bindings = targets.reduce((sum, target) => sum + target.bindings, 0)
  return {
    bindings,
    remembered: table.entries.size - bindings,
    maxBindings: table.settings.maxBindings,
    targets,
    ...table.counters
  }
}

export const snapshot = (table: Table.Table, now: number): Snapshot => {
  Table.sweep(table, now)
  return { bindings: Array.from(Order.values(table.live), bindingInfo), targets: targetInfos(table) }
}

const bindingInfo = (entry: Table.Entry): BindingInfo => ({
  key: entry.key,
  target: entry.target.id,
  epoch: entry.assignment.epoch,
  createdAt: entry.createdAt,
  expiresAt: entry.due
})

const targetInfos = (table: Table.Table): Array<TargetInfo> =>
  [...table.targets.values()].map(({ id, weight, load, bindings, state }) => ({
    id,
    weight,
    load,
    bindings,
    state: state === "draining" ? "draining" : "active"
  }))
