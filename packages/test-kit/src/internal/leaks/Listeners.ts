/** Listeners on emitters that were there before: those of an emitter that the test made go with it. */
import { EventEmitter } from "node:events"
import * as Origin from "./Origin.ts"
import { type Found, type Watcher, wrapMethod } from "./Watcher.ts"

interface Added {
  readonly emitter: EventEmitter
  readonly event: unknown
  readonly listener: unknown
  readonly origin: Origin.Origin
}

const METHODS = ["on", "addListener", "prependListener"]

const added = new Map<string, Added>()
let count = 0

export const listeners: Watcher = {
  start: () => {
    const young = new WeakSet<object>()
    const undo = [
      wrapMethod(EventEmitter, "init", (emitter, initialise, args) => {
        if (emitter instanceof EventEmitter) young.add(emitter)
        return Reflect.apply(initialise, emitter, args)
      }),
      ...METHODS.map((name) =>
        wrapMethod(EventEmitter.prototype, name, (emitter, add, args) => {
          if (emitter instanceof EventEmitter && !young.has(emitter)) {
            const [event, listener] = args
            added.set(String(count++), { emitter, event, listener, origin: Origin.capture() })
          }
          return Reflect.apply(add, emitter, args)
        })
      )
    ]
    return () => {
      for (const step of undo) step()
      added.clear()
    }
  },
  list: () =>
    [...added].flatMap(([key, { emitter, event, listener, origin }]): ReadonlyArray<Found> => {
      // `rawListeners` has the wrappers of `once`, `listeners` what is in them; `on` was given either.
      const there: ReadonlyArray<unknown> =
        typeof event === "string" || typeof event === "symbol" ? emitter.rawListeners(event) : []
      if (!there.includes(listener)) {
        added.delete(key)
        return []
      }
      // Without code of anybody's, it is the runtime that has added it, for itself.
      if (origin().length === 0) return []
      return [{ key, what: `a listener of "${String(event)}" on ${nameOf(emitter)}`, origin }]
    })
}

const nameOf = (emitter: EventEmitter): string => emitter.constructor.name
