/**
 * What the frames of a zygote carry, beside those of every process: FORK and KILL to it, FORKED and EXITED from it. A worker is named by its
 * token, which the parent makes for each.
 */
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"
import * as Kind from "./Kind.ts"

/** Answer to FORK: the process; or why there will never be one (`refused`); or why there is none now (`failed`). */
export interface Forked {
  readonly token: string
  readonly pid?: number
  readonly refused?: string
  readonly failed?: string
}

/** The end of a worker: its exit status, or the name of the signal that killed it. */
export interface Exited {
  readonly token: string
  readonly code: number | null
  readonly signal: string | null
  /** Most memory it ever had, in bytes. */
  readonly maxrss: number
  /** Processor time it used, in seconds. */
  readonly cpu: number
}

/** The first frame to a zygote. */
export const init = (options: {
  readonly path: ReadonlyArray<string>
  readonly preload: ReadonlyArray<string>
}): Frame.Outgoing => request(Kind.Request.init, { proto: Kind.PROTOCOL_VERSION, ...options })

/** Asks for a worker, which connects to the socket `path` by itself; `env` is added to its environment. */
export const fork = (options: {
  readonly token: string
  readonly path: string
  readonly env: { readonly [name: string]: string }
}): Frame.Outgoing => request(Kind.Request.fork, options)

/** Sends a signal, by its number, to a worker, or to all its process group. */
export const kill = (options: {
  readonly token: string
  readonly signal: number
  readonly group: boolean
}): Frame.Outgoing => request(Kind.Request.kill, options)

/** Reads FORKED. */
export const readForked = (frame: Frame.Frame): Option.Option<Forked> => decodeForked(valueOf(frame))

/** Reads EXITED. */
export const readExited = (frame: Frame.Frame): Option.Option<Exited> => decodeExited(valueOf(frame))

const request = (kind: number, message: Json.Json): Frame.Outgoing =>
  Frame.make(kind, 0, Json.encodeJson(message))

const valueOf = (frame: Frame.Frame): unknown =>
  frame.codec === 1 ? Json.decode(frame.meta)?.value : undefined

const decodeForked = Schema.decodeUnknownOption(
  Schema.Struct({
    token: Schema.String,
    pid: Schema.optionalKey(Schema.Int),
    refused: Schema.optionalKey(Schema.String),
    failed: Schema.optionalKey(Schema.String)
  })
)

const decodeExited = Schema.decodeUnknownOption(
  Schema.Struct({
    token: Schema.String,
    code: Schema.NullOr(Schema.Int),
    signal: Schema.NullOr(Schema.String),
    maxrss: Schema.Finite,
    cpu: Schema.Finite
  })
)
