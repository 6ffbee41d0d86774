/** Reads what nobody has checked: the fields of an error, and headers of many shapes. */

/** A field of anything; `undefined` where there is none. */
export const get = (u: unknown, key: string): unknown =>
  typeof u === "object" && u !== null ? Reflect.get(u, key) : undefined

/** The first value of a header; `undefined` where there is none. Headers are an object by name, or have a method `get`. */
export const first = (headers: unknown, name: string): unknown => {
  const method = get(headers, "get")
  const value: unknown =
    typeof method === "function" ? Reflect.apply(method, headers, [name]) : get(headers, name)
  return (Array.isArray(value) ? value[0] : value) ?? undefined
}
