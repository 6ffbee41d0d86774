/** The options of one call, checked: a program without types must hear of a misspelt one, too. */
import * as Predicate from "effect/Predicate"
import { closest } from "../internal/closest.ts"
import type { CallOptions } from "./Pool.ts"

const COMMON: ReadonlyArray<string> = ["kwargs", "timeout", "signal"]
/** What may be said of a session. */
export const SESSION: ReadonlyArray<string> = [...COMMON, "onLoss", "snapshots"]
/** What may be said of a restart, or of a drain. */
export const RESTART: ReadonlyArray<string> = ["timeout", "signal"]
/** What may be said of a broadcast. */
export const BROADCAST: ReadonlyArray<string> = [...COMMON, "result", "key", "remember"]
/** What may be said of a call. */
export const FUNCTION: ReadonlyArray<string> = [...COMMON, "result", "idempotent"]
/** What may be said of a stream. */
export const STREAM: ReadonlyArray<string> = [...COMMON, "idempotent", "credit"]
/** What may be said of a map. */
export const MAP: ReadonlyArray<string> = [...FUNCTION, "each", "chunk", "concurrency"]

/** Splits the options of a call in what the pool is told and what it is stopped by. Throws a `TypeError` that names what makes no sense. */
export const read = (
  who: string,
  target: unknown,
  args: unknown = [],
  options: CallOptions & { readonly result?: unknown } = {},
  allowed: ReadonlyArray<string>
) => {
  if (typeof target !== "string")
    refuse(who, `the target must be text such as "module:function", not ${nameOf(target)}`)
  if (!Array.isArray(args)) refuse(who, `args must be an array, not ${nameOf(args)}`)
  expectObject(who, "options", options)
  const { idempotent, kwargs, result, signal, timeout } = options
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue
    const near = closest(name, allowed)
    refuse(who, `there is no option ${name}${near.length === 0 ? "" : `; is it ${near.join(" or ")}?`}`)
  }
  if (kwargs !== undefined) expectObject(who, "kwargs", kwargs)
  if (idempotent !== undefined && typeof idempotent !== "boolean")
    refuse(who, `idempotent must be true or false, not ${nameOf(idempotent)}`)
  if (result !== undefined && typeof result !== "function")
    refuse(who, `result must be a function, not ${nameOf(result)}`)
  if (timeout !== undefined) millis(who, "timeout", timeout)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    refuse(who, `signal must be an AbortSignal, not ${nameOf(signal)}`)
  return { signal, call: { kwargs, idempotent, deadline: timeout } }
}

/** Throws a `TypeError` unless it is a number of milliseconds. */
export const millis = (who: string, name: string, value: number): number => {
  if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return value
  return refuse(
    who,
    `${name} must be a number of milliseconds, not ${typeof value === "object" ? nameOf(value) : String(value)}`
  )
}

/** Throws a `TypeError` for what has no names with values: nothing, a function, an array, a `Map`. */
export const expectObject = (who: string, what: string, value: unknown): void => {
  if (typeof value !== "object" || value === null || Predicate.isIterable(value))
    refuse(who, `${what} must be an object, not ${nameOf(value)}`)
}

const refuse = (who: string, what: string): never => {
  throw new TypeError(`${who}: ${what}`)
}

const nameOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return value instanceof Map ? "a Map" : typeof value
}
