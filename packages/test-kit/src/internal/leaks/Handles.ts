/** What the runtime itself keeps: timers that hold the program, and handles, as far as `node:async_hooks` tells of them. */
import { createHook } from "node:async_hooks"
import { Server } from "node:net"
import * as Predicate from "effect/Predicate"
import * as Origin from "./Origin.ts"
import { type Found, type Watcher, wrapMethod } from "./Watcher.ts"

interface Handle {
  readonly type: string
  readonly resource: object
  readonly origin: Origin.Origin
}

const TYPES = new Set([
  "Timeout",
  "PROCESSWRAP",
  "TCPWRAP",
  "TCPSERVERWRAP",
  "PIPEWRAP",
  "PIPESERVERWRAP",
  "UDPWRAP"
])

const handles = new Map<number, Handle>()

/** A server makes its handle later than it is told to listen, when no code of the test is on the stack. */
const listening = new Map<Server, Origin.Origin>()

/** Timers that hold the program: one that was `unref`ed does not. */
export const timers: Watcher = {
  start: () => {
    const hook = createHook({
      init: (id, type, _, resource) => {
        if (TYPES.has(type)) handles.set(id, { type, resource, origin: Origin.capture() })
      },
      destroy: (id) => void handles.delete(id)
    }).enable()
    const unwrap = wrapMethod(Server.prototype, "listen", (server, listen, args) => {
      if (server instanceof Server) listening.set(server, Origin.capture())
      return Reflect.apply(listen, server, args)
    })
    return () => {
      hook.disable()
      unwrap()
      handles.clear()
      listening.clear()
    }
  },
  list: () =>
    [...handles].flatMap(([id, { origin, resource, type }]): ReadonlyArray<Found> => {
      if (type !== "Timeout" || !isHeld(resource)) return []
      return [{ key: String(id), what: describe(resource), origin }]
    })
}

/** Where the child process, or what has the descriptor, was made. */
export const originOf = (field: "pid" | "fd", number: number): Origin.Origin | undefined => {
  const has = (handle: unknown): boolean => Predicate.hasProperty(handle, field) && handle[field] === number
  for (const [server, origin] of listening) if (has(Reflect.get(server, "_handle"))) return origin
  for (const { origin, resource } of handles.values()) if (has(resource)) return origin
  return undefined
}

const isHeld = (timer: object): boolean =>
  Predicate.hasProperty(timer, "hasRef") && typeof timer.hasRef === "function" && timer.hasRef() === true

const describe = (timer: object): string => {
  const repeats = Predicate.hasProperty(timer, "_repeat") && typeof timer._repeat === "number"
  const after = Predicate.hasProperty(timer, "_idleTimeout") ? ` of ${String(timer._idleTimeout)} ms` : ""
  return `${repeats ? "an interval" : "a timer"}${after}`
}
