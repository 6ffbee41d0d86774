/**
 * The callbacks of one worker: functions here that Python calls while one of its own calls runs. Each CALLBACK is answered once, unless
 * its call ends first: then what runs for it is interrupted, and nobody waits for its answer any more.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { messageOf, typeOf } from "../internal/thrown.ts"
import * as Codec from "../protocol/Codec.ts"
import * as Frames from "../protocol/Frame.ts"
import type { Frame, Outgoing } from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Message from "../protocol/Message.ts"

/** Calls the function of a name for one call: gives its value or an effect, or throws. */
export type Run = (name: string, args: ReadonlyArray<unknown>) => unknown

/** Starts an effect. */
export type Fork = (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>

/** The callbacks of one worker. */
export interface Callbacks {
  /** Takes a CALLBACK in; answers the rule that it breaks, if it does. */
  readonly receive: (frame: Frame) => string | undefined
  /** A call is over, and so is what runs for it. */
  readonly end: (call: number) => void
}

/** Makes the callbacks of one worker. */
export const make = (options: {
  readonly send: (frame: Outgoing) => void
  readonly fork: Fork
  /** Largest answer, in bytes. */
  readonly maxFrame: number
  /** How the callbacks of a call are run; `undefined` if it does not run. */
  readonly runnerOf: (call: number) => Run | undefined
}): Callbacks => {
  const { send } = options
  const running = new Map<number, { readonly call: number; readonly fiber: Fiber.Fiber<unknown, unknown> }>()

  const refuse = (id: number, type: string, message: string): void =>
    send(Message.callbackError(id, { type, message: message.slice(0, MAX_MESSAGE) }))

  const succeed = (id: number, codec: Codec.Codec, value: unknown): void => {
    const payload = codec.encode(value, "result")
    if ("_tag" in payload)
      return refuse(id, "InvalidResult", `${payload.path} is ${payload.found}: ${payload.hint}`)
    const size = Frames.bodyLength(payload)
    if (size > options.maxFrame)
      return refuse(id, "InvalidResult", `result: ${size} bytes, maxFrame allows ${options.maxFrame}`)
    send({ kind: Kind.Request.callbackResult, codec: codec.id, id, ...payload })
  }

  const finish = (id: number, codec: Codec.Codec, exit: Exit.Exit<unknown, unknown>): void => {
    if (exit._tag === "Success") return succeed(id, codec, exit.value)
    if (Cause.hasInterruptsOnly(exit.cause)) return refuse(id, "Interrupted", "it was interrupted")
    const error = Cause.squash(exit.cause)
    refuse(id, typeOf(error), messageOf(error))
  }

  const start = (id: number, codec: Codec.Codec, { args, call, name }: Asked): void => {
    const run = options.runnerOf(call)
    // A thread that outlives its call may ask a moment too late.
    if (run === undefined) return refuse(id, "CallEnded", "the call that it belongs to is over")
    let value: unknown
    try {
      value = run(name, args)
    } catch (error) {
      return refuse(id, typeOf(error), messageOf(error))
    }
    if (!isEffect(value)) return succeed(id, codec, value)
    const fiber = options.fork(value)
    running.set(id, { call, fiber })
    fiber.addObserver((exit) => {
      if (running.delete(id)) finish(id, codec, exit)
    })
  }

  return {
    receive: (frame) => {
      const codec = Codec.byId(frame.codec)
      const asked = read(codec, frame)
      if (typeof asked === "string") return asked
      if (running.has(frame.id)) return `CALLBACK ${frame.id}, which runs already`
      start(frame.id, codec, asked)
      return undefined
    },
    end: (call) => {
      if (running.size === 0) return
      for (const [id, entry] of running) {
        if (entry.call !== call) continue
        running.delete(id)
        entry.fiber.interruptUnsafe()
      }
    }
  }
}

const MAX_MESSAGE = 65_536

interface Asked {
  readonly name: string
  readonly args: ReadonlyArray<unknown>
  readonly call: number
}

/** What is asked for; keyword arguments are one object, after the others. */
const read = (codec: Codec.Codec, frame: Frame): Asked | string => {
  const decoded = codec.decode(frame)
  if ("_tag" in decoded) return `${decoded.rule}: ${decoded.detail}`
  const parts: unknown = decoded.value
  if (!Array.isArray(parts) || parts.length !== 4) return MALFORMED
  const [name, args, kwargs, call]: ReadonlyArray<unknown> = parts
  if (typeof name !== "string" || !Array.isArray(args) || typeof call !== "number") return MALFORMED
  return { name, args: kwargs === null ? args : [...args, kwargs], call }
}

const MALFORMED = "a CALLBACK that cannot be read"

// The functions are the user's, typed loosely: an effect that needs a service that is not there fails when it asks for it.
const isEffect = (u: unknown): u is Effect.Effect<unknown, unknown> => Effect.isEffect(u)
