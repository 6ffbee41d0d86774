/**
 * Codec 1: JSON, strict. What JSON cannot carry without changing it is refused with the path to it; nothing is dropped, rounded or
 * renamed in silence. A number that would be an `int` of another value or type in Python is written with a point or an exponent. The one widening: `undefined` inside an array or as an argument becomes `None`, as `null` does; a property that
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
export const encode = (value: unknown, root: string): Uint8Array | EncodeRefusal => {
  const found = check(value, root, 0, undefined)
  if (found === EXACT) return encoder.encode(write(value))
  return found === PLAIN ? encoder.encode(JSON.stringify(value) ?? "null") : found
}

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

/** What a check found: nothing, or a number that `JSON.stringify` would turn into an `int`, or a refusal. */
type Found = typeof PLAIN | typeof EXACT | EncodeRefusal
const PLAIN = 0
const EXACT = 1

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

const check = (value: unknown, path: string, depth: number, up: Parents | undefined): Found => {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return PLAIN
    case "number":
      if (!Number.isFinite(value)) return refuse(path, String(value), "JSON has no such number")
      return isFloat(value) ? EXACT : PLAIN
    case "object":
      return value === null ? PLAIN : checkObject(value, path, depth, up)
    default:
      return refuse(
        path,
        `a ${typeof value}`,
        typeof value === "bigint" ? "send it as a string" : "JSON has no such value"
      )
  }
}

const checkObject = (value: object, path: string, depth: number, up: Parents | undefined): Found => {
  if (depth >= MAX_DEPTH) return refuse(path, `more than ${MAX_DEPTH} levels`, "flatten the value")
  for (let parent = up; parent !== undefined; parent = parent.up) {
    if (parent.value === value) return refuse(path, "a cycle", "JSON carries trees only")
  }
  const parents = { value, up }
  let all: Found = PLAIN
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = check(value[index], `${path}[${index}]`, depth + 1, parents)
      if (typeof found === "object") return found
      if (found === EXACT) all = EXACT
    }
    return all
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
    const found = check(member, `${path}.${key}`, depth + 1, parents)
    if (typeof found === "object") return found
    if (found === EXACT) all = EXACT
  }
  return all
}

/** A number that is a `float` in Python, and that `JSON.stringify` may write as an `int`: -0, and what is whole and beyond 2^53 - 1. */
const isFloat = (value: number): boolean =>
  Object.is(value, -0) || (Number.isInteger(value) && !Number.isSafeInteger(value))

/** What `JSON.stringify` writes, but for such numbers. Only for what has passed the check. */
const write = (value: unknown): string => {
  if (typeof value === "number" && isFloat(value)) {
    const text = Object.is(value, -0) ? "-0" : String(value)
    return text.includes("e") ? text : `${text}.0`
  }
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`).join(",")}}`
}

const className = (value: object): string => {
  const constructor: unknown = value.constructor
  return typeof constructor === "function" && constructor.name !== ""
    ? constructor.name
    : "value of an unnamed class"
}
