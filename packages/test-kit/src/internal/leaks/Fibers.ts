/** Fibers that have not ended, from the moment at which they are made. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Origin from "./Origin.ts"
import type { Watcher } from "./Watcher.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

const made = new Map<AnyFiber, Origin.Origin>()

export const fibers: Watcher = {
  start: () => {
    const prototype: { setContext: (this: AnyFiber, context: AnyFiber["context"]) => void } =
      Object.getPrototypeOf(Effect.runFork(Effect.void))
    const { setContext } = prototype
    let enough = 1_000
    prototype.setContext = function (context) {
      // Its constructor is the first to set it.
      if (this.context === undefined) {
        const origin = Origin.capture()
        Origin.forkedAt(this, origin)
        made.set(this, origin)
        if (made.size > enough) enough = 1_000 + 2 * prune()
      }
      setContext.call(this, context)
    }
    return () => {
      prototype.setContext = setContext
      made.clear()
    }
  },
  list: () => {
    prune()
    return [...made].map(([fiber, origin]) => ({
      key: String(fiber.id),
      what: `fiber ${fiber.id}${named(fiber)}`,
      origin
    }))
  }
}

/** Forgets those that have ended. */
const prune = (): number => {
  for (const fiber of made.keys()) if (fiber.pollUnsafe() !== undefined) made.delete(fiber)
  return made.size
}

/** The span or the `Effect.fn` it is in. */
const named = (fiber: AnyFiber): string => {
  const { span, stackFrame } = fiber.cache
  const name = stackFrame?.name ?? (span?._tag === "Span" ? span.name : undefined)
  return name === undefined ? "" : `, in ${name}`
}
