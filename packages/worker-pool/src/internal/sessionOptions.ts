/** What is said when a session is opened: decoded once, loudly. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { SessionOptions } from "../pool/SessionHandle.ts"
import { Millis } from "./durations.ts"

/** What becomes of a session whose worker dies. */
export type Survival =
  | { readonly _tag: "Fail" }
  | { readonly _tag: "Remake" }
  | {
      readonly _tag: "Restore"
      /** A snapshot after so many calls; `Infinity` for none. */
      readonly every: number
      /** A snapshot so many milliseconds after the last, if there was a call; `undefined` for none. */
      readonly interval: number | undefined
      readonly keep: boolean
    }

/** Throws a `TypeError` that names the option at fault. */
export const decode = (options: Pick<SessionOptions, "onLoss" | "snapshots">): Survival => {
  const { onLoss, snapshots } = Result.getOrThrowWith(
    decodeOptions(options),
    (error) => new TypeError(`pool.session: ${error.message}`)
  )
  if (snapshots === undefined) return onLoss === "remake" ? REMAKE : FAIL
  const { every, interval, keep = false } = snapshots
  return {
    _tag: "Restore",
    every: every ?? (interval === undefined ? 1 : Number.POSITIVE_INFINITY),
    interval,
    keep
  }
}

const FAIL: Survival = { _tag: "Fail" }
const REMAKE: Survival = { _tag: "Remake" }

const decodeOptions = Schema.decodeUnknownResult(
  Schema.Struct({
    onLoss: Schema.optional(Schema.Literals(["fail", "remake"])),
    snapshots: Schema.optional(
      Schema.Struct({
        every: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))),
        interval: Schema.optional(Millis),
        keep: Schema.optional(Schema.Boolean)
      })
    )
  }).check(
    Schema.makeFilter(({ onLoss, snapshots }) =>
      onLoss === undefined || snapshots === undefined
        ? undefined
        : { path: ["onLoss"], issue: "onLoss is for sessions without snapshots: with them it is restored" }
    )
  ),
  { onExcessProperty: "error" }
)
