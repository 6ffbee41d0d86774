/**
 * Codec 1: JSON, strict. What JSON cannot carry without changing it is refused with the path to it; nothing is dropped, rounded or
 * renamed in silence. The one widening: `undefined` inside an array or as an argument becomes `None`, as `null` does; a property that
 * is `undefined` is left out.
 */

/** A value that JSON carries unchanged. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** Why a value cannot be sent: what it is, and where. */
export interface EncodeRefusal {
  readonly _tag: "EncodeRefusal"
  /** Where in the value, such as `args[0].rows[3]`. */
  readonly path: string
  /** What stands there, such as `Date` or `NaN`. */
  readonly found: string
  /** What to do about it. */
  readonly hint: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })
const MAX_DEPTH = 900

/** The bytes of a value, or why there are none. `root` names the value in the path of a refusal. */
export const encode = (value: unknown, root: string): Uint8Array | EncodeRefusal =>
  check(value, root, 0, undefined) ?? encoder.encode(JSON.stringify(value) ?? "null")

/** The bytes of a value that is JSON by its type: our own messages. */
export const encodeJson = (value: Json): Uint8Array => encoder.encode(JSON.stringify(value))

/** The value in these bytes, or `undefined` if they are not JSON. */
export const decode = (bytes: Uint8Array): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(decoder.decode(bytes)) }
  } catch {
    return undefined
  }
}

interface Parents {
  readonly value: object
  readonly up: Parents | undefined
}

const refuse = (path: string, found: string, hint: string): EncodeRefusal => ({
  _tag: "EncodeRefusal",
  path,
  found,
  hint
})

const check = (
  value: unknown,
  path: string,
  depth: number,
  up: Parents | undefined
): EncodeRefusal | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed()
        ? undefined
        : refuse(path, "a string with a lone surrogate", "remove the surrogate")
    case "boolean":
    case "undefined":
      return undefined
    case "number":
      if (!Number.isFinite(value)) return refuse(path, String(value), "JSON has no such number")
      if (Object.is(value, -0)) return refuse(path, "-0", "it would be written as 0")
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        return refuse(path, `${value}, an integer beyond 2^53 - 1`, "send it as a string")
      }
      return undefined
    case "object":
      return value === null ? undefined : checkObject(value, path, depth, up)
    default:
      return refuse(
        path,
        `a ${typeof value}`,
        typeof value === "bigint" ? "send it as a string" : "JSON has no such value"
      )
  }
}

const checkObject = (
  value: object,
  path: string,
  depth: number,
  up: Parents | undefined
): EncodeRefusal | undefined => {
  if (depth >= MAX_DEPTH) return refuse(path, `more than ${MAX_DEPTH} levels`, "flatten the value")
  for (let parent = up; parent !== undefined; parent = parent.up) {
    if (parent.value === value) return refuse(path, "a cycle", "JSON carries trees only")
  }
  const parents = { value, up }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = check(value[index], `${path}[${index}]`, depth + 1, parents)
      if (found !== undefined) return found
    }
    return undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return refuse(
      path,
      `a ${className(value)}`,
      "send plain objects, arrays, strings, numbers, booleans and null"
    )
  }
  for (const [key, member] of Object.entries(value)) {
    const at = `${path}.${key}`
    if (!key.isWellFormed()) return refuse(at, "a key with a lone surrogate", "remove the surrogate")
    const found = check(member, at, depth + 1, parents)
    if (found !== undefined) return found
  }
  return undefined
}

const className = (value: object): string => {
  const constructor: unknown = value.constructor
  return typeof constructor === "function" && constructor.name !== ""
    ? constructor.name
    : "value of an unnamed class"
}
