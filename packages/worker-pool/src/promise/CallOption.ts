/** The options of one call, checked: a program without types must hear of a misspelt one, too. */
import { closest } from "../internal/closest.ts"
import type { CallOptions } from "./Pool.ts"

/** What may be said of a session. */
export const SESSION: ReadonlyArray<string> = ["kwargs", "timeout", "signal"]
/** What may be said of a restart. */
export const RESTART: ReadonlyArray<string> = ["timeout", "signal"]
/** What may be said of a call of a session's method. */
export const METHOD: ReadonlyArray<string> = [...SESSION, "result"]
/** What may be said of a call. */
export const FUNCTION: ReadonlyArray<string> = [...METHOD, "idempotent"]
/** What may be said of a map. */
export const MAP: ReadonlyArray<string> = [...FUNCTION, "each", "chunk", "concurrency"]

/** Splits the options of a call in what the pool is told and what it is stopped by. Throws a `TypeError` that names what makes no sense. */
export const read = (
  who: string,
  target: unknown,
  args: unknown = [],
  options: CallOptions = {},
  allowed: ReadonlyArray<string>
) => {
  const refuse = (what: string): never => {
    throw new TypeError(`${who}: ${what}`)
  }
  if (typeof target !== "string")
    refuse(`the target must be text such as "module:function", not ${nameOf(target)}`)
  if (!Array.isArray(args)) refuse(`args must be an array, not ${nameOf(args)}`)
  if (typeof options !== "object" || options === null)
    refuse(`options must be an object, not ${nameOf(options)}`)
  const { idempotent, kwargs, signal, timeout } = options
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue
    const near = closest(name, allowed)
    refuse(`there is no option ${name}${near.length === 0 ? "" : `; is it ${near.join(" or ")}?`}`)
  }
  if (
    timeout !== undefined &&
    !(typeof timeout === "number" && timeout >= 0 && timeout < Number.POSITIVE_INFINITY)
  )
    refuse(`timeout must be a number of milliseconds, not ${String(timeout)}`)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    refuse(`signal must be an AbortSignal, not ${nameOf(signal)}`)
  return { signal, call: { kwargs, idempotent, deadline: timeout } }
}

const nameOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : typeof value
