/** What user code threw, in words. It may be anything, and looking at it may throw as well. */
import * as Predicate from "effect/Predicate"

/** Its tag or the name of its class; `Error` if it has none. */
export const typeOf = (thrown: unknown): string =>
  safely("Error", () => {
    if (Predicate.hasProperty(thrown, "_tag") && typeof thrown._tag === "string") return thrown._tag
    return thrown instanceof Error && typeof thrown.name === "string" ? thrown.name : "Error"
  })

/** Its message, or what it is as text. */
export const messageOf = (thrown: unknown): string =>
  safely("it cannot be told", () =>
    String(Predicate.hasProperty(thrown, "message") ? thrown.message : thrown)
  )

const safely = (otherwise: string, read: () => string): string => {
  try {
    return read()
  } catch {
    return otherwise
  }
}
