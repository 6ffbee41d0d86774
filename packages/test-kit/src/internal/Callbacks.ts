/** The calls of a mock worker to the functions of its pool. What `python/fireweed/_callback.py` is for a real one. */
import type { Codec, Frame } from "@fireweed/worker-pool/protocol"
import { Kind } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Failure from "./Failure.ts"

/** The call that one is made from. */
export interface Owner {
  readonly id: number
  readonly codec: Codec.Codec
}

/** The callbacks of one worker. */
export interface Callbacks {
  /** From now on these names can be called. */
  readonly open: (names: ReadonlyArray<string>) => void
  /** Calls one and waits for its value. Fails with what raises a `fireweed.CallbackError`. */
  readonly call: (
    owner: Owner,
    name: string,
    args: ReadonlyArray<unknown>
  ) => Effect.Effect<unknown, Failure.Raised>
  /** Takes an answer in: a value, or CALLBACK_ERROR's meta. False if nobody has ever asked for it. */
  readonly answer: (id: number, kind: number, value: unknown) => boolean
}

type Settle = (result: Effect.Effect<unknown, Failure.Raised>) => void

/** Makes the callbacks of one worker. */
export const make = (send: (frame: Frame.Outgoing) => void): Callbacks => {
  const waiting = new Map<number, { readonly name: string; readonly settle: Settle }>()
  let names: ReadonlyArray<string> = []
  let last = 0

  return {
    open: (known) => {
      names = known
    },
    call: (owner, name, args) =>
      Effect.callback<unknown, Failure.Raised>((settle) => {
        if (!names.includes(name))
          return settle(fail(name, "UnknownCallback", "the pool has no callback of that name"))
        const payload = owner.codec.encode([name, args, null, owner.id], "callback")
        if ("_tag" in payload) return settle(fail(name, "InvalidArguments", Failure.refusalText(payload)))
        const id = ++last
        waiting.set(id, { name, settle })
        send({ kind: Kind.Reply.callback, codec: owner.codec.id, id, ...payload })
        return Effect.sync(() => waiting.delete(id))
      }),
    answer: (id, kind, value) => {
      const waiter = waiting.get(id)
      waiting.delete(id)
      if (waiter === undefined) return id > 0 && id <= last
      if (kind === Kind.Request.callbackResult) waiter.settle(Effect.succeed(value))
      else {
        const error = Option.getOrElse(decodeError(value), () => ({ type: "Error", message: "" }))
        waiter.settle(fail(waiter.name, error.type, error.message))
      }
      return true
    }
  }
}

const fail = (name: string, type: string, message: string): Effect.Effect<never, Failure.Raised> =>
  Effect.fail(
    new Failure.Raised({
      type: "fireweed.CallbackError",
      message: `callback '${name}': ${type}: ${message}`,
      frames: []
    })
  )

const decodeError = Schema.decodeUnknownOption(Schema.Struct({ type: Schema.String, message: Schema.String }))
