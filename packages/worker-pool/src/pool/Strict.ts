/**
 * What may be called in a strict pool: what its workers expose, and nothing else. The workers refuse the rest themselves; this saves the
 * way to them.
 */
import { closest } from "../internal/closest.ts"
import type { Exports } from "../protocol/Export.ts"
import * as Kind from "../protocol/Kind.ts"

/** Why a call is refused; `undefined` if it is not. `kind` is CALL, OPEN or CLOSE. */
export const refusal = (
  exports: Exports,
  kind: number,
  target: string,
  inSession: boolean
): string | undefined => {
  if (kind === Kind.Request.close) return undefined
  if (kind === Kind.Request.call && inSession)
    return target.startsWith("_")
      ? "methods that begin with an underscore cannot be called (strict)"
      : undefined
  const found = find(exports, target)
  if (found === undefined) return `"${target}" is not exposed (strict)${suggestion(exports, target)}`
  return kind === Kind.Request.open && found.kind !== "class"
    ? `"${target}" is no class, and a session is made of a class (strict)`
    : undefined
}

const find = (exports: Exports, target: string) =>
  Object.hasOwn(exports, target)
    ? exports[target]
    : Object.values(exports).find((exposed) => exposed.target === target)

const suggestion = (exports: Exports, target: string): string => {
  const names = Object.keys(exports)
  if (names.length === 0) return ", nor is anything else: expose it in a module of preload or setup"
  const close = closest(target, [...names, ...Object.values(exports).map((exposed) => exposed.target)])
  return close.length === 0 ? "" : `; is it ${close.map((name) => `"${name}"`).join(" or ")}?`
}
