/** Bindings that were saved, when they come back. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { MetadataTooLarge, SnapshotRefused } from "../AffinityError.ts"
import type { Metadata, Restored, SavedBinding, Snapshot } from "../Binding.ts"
import * as Life from "./life.ts"
import type { Links } from "./links.ts"
import { LIVE, LOST } from "./slots.ts"
import { lookup } from "./routing.ts"
import * as Table from "./table.ts"
import { isLive } from "./view.ts"
import { settle } from "./waiting.ts"

const Epoch = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Saved: Schema.Codec<Snapshot> = Schema.Struct({
  version: Schema.Literal(1),
  epoch: Epoch,
  bindings: Schema.Array(
    Schema.Struct({
      key: Schema.String,
      target: Schema.String,
      epoch: Epoch.check(Schema.isGreaterThanOrEqualTo(1)),
      createdAt: Schema.Finite,
      renewedAt: Schema.Finite,
      metadata: Schema.Record(Schema.String, Schema.String)
    })
  )
})

const decode = Schema.decodeUnknownResult(Saved, { onExcessProperty: "error" })

/** Characters, names and values together. */
export const sizeOf = (metadata: Metadata): number =>
  Object.entries(metadata).reduce((sum, [name, value]) => {
    if (typeof value === "string") return sum + name.length + value.length
    throw new TypeError(
      `SessionAffinity.annotate: expected metadata "${name}" to be a string, got a ${typeof value}`
    )
  }, 0)

/** Attaches metadata to a live binding, and answers whether there is one. */
export const annotate = (
  table: Table.Table,
  key: string,
  metadata: Metadata,
  now: number
): Result.Result<boolean, MetadataTooLarge> => {
  const { maxMetadata } = table.settings
  const size = sizeOf(metadata)
  if (size > maxMetadata) return Result.fail(new MetadataTooLarge(key, size, maxMetadata))
  const slot = lookup(table, key, now)
  const live = slot !== undefined && isLive(table, slot)
  if (live && Object.keys(metadata).length > 0) table.metadata.set(slot, { ...metadata })
  else if (live) table.metadata.delete(slot)
  settle(table, now)
  return Result.succeed(live)
}

/** Takes all bindings of a snapshot in, or none. */
export const restore = (
  table: Table.Table,
  value: unknown,
  now: number
): Result.Result<Restored, SnapshotRefused> => {
  const decoded = decode(value)
  if (Result.isFailure(decoded)) return refuse(decoded.failure.message)
  const snapshot = decoded.success
  const reason = faultOf(table, snapshot)
  if (reason !== undefined) return refuse(reason)

  table.epoch = Math.max(table.epoch, snapshot.epoch)
  const counts = { bound: 0, lost: 0, expired: 0, known: 0 }
  const targetOf = targets(table)
  const intoAges = merging(table, table.slots.ages)
  const intoUses = merging(table, table.slots.uses)
  const bindings = snapshot.bindings
    .map((binding) => inLifetime(table, binding, now))
    .toSorted((a, b) => a.renewedAt - b.renewedAt)
  for (const binding of bindings) {
    if (table.keys.get(binding.key) !== undefined) {
      counts.known++
      continue
    }
    const target = targetOf(binding.target)
    const slot = Life.adopt(table, binding, target)
    if (Life.expireIfDue(table, slot, now)) counts.expired++
    else if (target.state === "gone") {
      Life.bury(table, slot, LOST, now)
      counts.lost++
    } else {
      intoAges(slot)
      if (table.slots.uses !== table.slots.ages) intoUses(slot)
      Life.tellCreated(table, slot, "restored", now)
      counts.bound++
    }
  }
  Life.warnIfNearlyFull(table, now)
  return Result.succeed(counts)
}

const refuse = (reason: string) => Result.fail(new SnapshotRefused(reason))

const faultOf = (table: Table.Table, { bindings, epoch }: Snapshot): string | undefined => {
  const { maxBindings, maxMetadata } = table.settings
  const keys = new Set<string>()
  let added = 0
  for (const binding of bindings) {
    const fault = keys.has(binding.key)
      ? "is there twice"
      : binding.epoch > epoch
        ? `has epoch ${binding.epoch}, later than the latest, ${epoch}`
        : sizeOf(binding.metadata) > maxMetadata
          ? `has more than ${maxMetadata} characters of metadata (maxMetadata)`
          : undefined
    if (fault !== undefined) return `key ${JSON.stringify(binding.key)} ${fault}`
    keys.add(binding.key)
    if (table.keys.get(binding.key) === undefined) added++
  }
  const total = table.keys.size + added
  return total > maxBindings
    ? `there would be ${total} bindings, more than ${maxBindings} (maxBindings)`
    : undefined
}

/** The times of a binding by the rules of this table. None is in the future, where a clock was set back. */
const inLifetime = (table: Table.Table, binding: SavedBinding, now: number): SavedBinding => {
  const renewedAt = Math.min(binding.renewedAt, now)
  const createdAt = Math.min(binding.createdAt, renewedAt)
  return { ...binding, createdAt, renewedAt: table.settings.sliding ? renewedAt : createdAt }
}

/** Finds targets by their ids; those that are not there are gone. */
const targets = (table: Table.Table): ((id: string) => Table.Target) => {
  const gone = new Map<string, Table.Target>()
  return (id) => {
    const known = table.targets.get(id) ?? gone.get(id)
    if (known !== undefined) return known
    const target = Table.makeTarget(table, id, 1)
    target.state = "gone"
    gone.set(id, target)
    return target
  }
}

/** Puts slots, the longest unrenewed first, where they belong in a list that is sorted so. */
const merging = ({ slots }: Table.Table, links: Links): ((slot: number) => void) => {
  let next = links.first(LIVE) ?? LIVE
  return (slot) => {
    while (next !== LIVE && slots.renewedAt(next) <= slots.renewedAt(slot)) next = links.after(next)
    links.insertBefore(next, slot)
  }
}
