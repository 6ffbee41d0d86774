/**
 * How values become bytes: the two codecs behind one interface. Codec 0 is pickle protocol 5, codec 1 is JSON; `VALUES.md` says what each
 * carries. Neither runs anything that comes in.
 */
import type { CodecId, Frame, Payload, ProtocolViolation } from "./Frame.ts"
import { violation } from "./Frame.ts"
import type { EncodeRefusal } from "./Json.ts"
import * as Json from "./Json.ts"
import { decode as readPickle } from "./pickle/decode.ts"
import { encode as writePickle } from "./pickle/encode.ts"
import * as Op from "./pickle/opcodes.ts"

/** The name of a codec, as HELLO and the option `codec` have it. */
export type CodecName = "pickle" | "json"

/** A value that was read. In an object of its own, since a value may look like a violation. */
export interface Decoded {
  readonly value: unknown
}

/** What goes with a call beside its arguments. */
export interface CallOptions {
  /** Time left, in milliseconds. */
  readonly deadline?: number | undefined
  /** Name of the session whose object has the method. */
  readonly session?: string | undefined
  /** With this the call is a stream: how many items may be sent at first. */
  readonly credit?: number | undefined
  /** With this it is one call for each of its arguments: each an argument, or `[args, kwargs]`. */
  readonly map?: MapMode | undefined
  /** W3C's `traceparent` of the span that it belongs to; ASCII, under 256 characters. */
  readonly trace?: string | undefined
  /** Of a session: its state is asked for as well. */
  readonly snapshot?: boolean | undefined
  /** The first argument is a snapshot that the session is to be made from. */
  readonly restore?: boolean | undefined
}

/** What the items of a map are: one argument each, or all arguments of a call, as `[args, kwargs]`. */
export type MapMode = "items" | "calls"

/** A call whose arguments are bytes already. */
export interface Call {
  /** Bytes of the arguments, in band and out of band. */
  readonly size: number
  /** All of it, with what is known only when it is sent. */
  readonly payload: (options: CallOptions) => Payload
}

/** One codec. */
export interface Codec {
  readonly id: CodecId
  readonly name: CodecName
  /** The bytes of a value, or why there are none; `root` names it in the path of a refusal. */
  readonly encode: (value: unknown, root: string) => Payload | EncodeRefusal
  /** The value of a frame, or the rule that it breaks. Bytes are views of the frame. */
  readonly decode: (frame: Pick<Frame, "meta" | "buffers">) => Decoded | ProtocolViolation
  /** The meta of CALL and OPEN, with its arguments encoded; or why it cannot be sent. */
  readonly call: (
    target: string,
    args: ReadonlyArray<unknown>,
    kwargs: { readonly [name: string]: unknown } | undefined
  ) => Call | EncodeRefusal
}

/** Codec 1. */
export const json: Codec = {
  id: 1,
  name: "json",
  encode: (value, root) => {
    const bytes = Json.encode(value, root)
    return "_tag" in bytes ? bytes : { pieces: [bytes], buffers: NO_BUFFERS }
  },
  decode: ({ buffers, meta }) =>
    (buffers.length === 0 ? Json.decode(meta) : undefined) ?? violation("json", "the meta is not JSON"),
  call: (target, args, kwargs) => {
    const positional = Json.encode(args, "args")
    if ("_tag" in positional) return positional
    const keyword = kwargs === undefined ? JSON_NULL : Json.encode(kwargs, "kwargs")
    if ("_tag" in keyword) return keyword
    const head = text(`[[${JSON.stringify(target)},`)
    return {
      size: positional.length + keyword.length,
      payload: (options) => ({
        pieces: [head, positional, COMMA, keyword, text(`],${JSON.stringify(optionsOf(options))}]`)],
        buffers: NO_BUFFERS
      })
    }
  }
}

/** Codec 0. */
export const pickle: Codec = {
  id: 0,
  name: "pickle",
  encode: writePickle,
  decode: ({ buffers, meta }) => readPickle(meta, buffers),
  call: (target, args, kwargs) => {
    const encoded = writePickle([target, args, kwargs ?? null], CALL_PARTS)
    if ("_tag" in encoded) return encoded
    const { buffers, pieces } = encoded
    // What is known only later is put on the stack of the same pickle: its last opcode goes, and a pair is made of the two.
    const open = pieces.with(pieces.length - 1, (pieces.at(-1) ?? EMPTY).subarray(0, -1))
    return {
      size: lengthOf(pieces) + lengthOf(buffers),
      payload: (options) => ({ pieces: [...open, pickledOptions(options)], buffers })
    }
  }
}

/** The codec of a frame. */
export const byId = (id: CodecId): Codec => (id === 0 ? pickle : json)

/** The codec of a name. */
export const byName = (name: CodecName): Codec => (name === "pickle" ? pickle : json)

const CALL_PARTS = ["target", "args", "kwargs"]
const NO_BUFFERS: ReadonlyArray<Uint8Array> = []
const EMPTY = new Uint8Array(0)
const encoder = new TextEncoder()
const text = (value: string): Uint8Array => encoder.encode(value)
const COMMA = text(",")
const JSON_NULL = text("null")

const lengthOf = (parts: ReadonlyArray<Uint8Array>): number =>
  parts.reduce((sum, part) => sum + part.byteLength, 0)

const optionsOf = (options: CallOptions): { readonly [name: string]: Json.Json } | null => {
  const { credit, deadline, map, restore, session, snapshot, trace } = options
  if (isEmpty(options)) return null
  return {
    ...(deadline === undefined ? {} : { deadline }),
    ...(session === undefined ? {} : { session }),
    ...(credit === undefined ? {} : { credit }),
    ...(map === undefined ? {} : { map }),
    ...(trace === undefined ? {} : { trace }),
    ...(snapshot === true ? { snapshot } : {}),
    ...(restore === true ? { restore } : {})
  }
}

// A snapshot is a session's.
const isEmpty = ({ credit, deadline, map, session, trace }: CallOptions): boolean =>
  deadline === undefined &&
  session === undefined &&
  credit === undefined &&
  map === undefined &&
  trace === undefined

const NO_OPTIONS = Uint8Array.of(Op.NONE, Op.TUPLE2, Op.STOP)

// Without the memo, which belongs to the call.
const pickledOptions = (options: CallOptions): Uint8Array => {
  if (isEmpty(options)) return NO_OPTIONS
  const { credit, deadline, map, restore, session, snapshot, trace } = options
  const key = session === undefined ? EMPTY : text(session)
  const bytes = new Uint8Array(120 + key.length + (trace?.length ?? 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  const byte = (value: number): void => void (bytes[at++] = value)
  const short = (value: string): void => {
    byte(Op.SHORT_BINUNICODE)
    byte(value.length)
    for (let index = 0; index < value.length; index++) byte(value.charCodeAt(index))
  }
  byte(Op.EMPTY_DICT)
  if (deadline !== undefined) {
    short("deadline")
    byte(Op.BINFLOAT)
    view.setFloat64(at, deadline)
    at += 8
    byte(Op.SETITEM)
  }
  if (session !== undefined) {
    short("session")
    byte(Op.BINUNICODE)
    view.setUint32(at, key.length, true)
    bytes.set(key, at + 4)
    at += 4 + key.length
    byte(Op.SETITEM)
  }
  if (credit !== undefined) {
    short("credit")
    byte(Op.BININT)
    view.setInt32(at, credit, true)
    at += 4
    byte(Op.SETITEM)
  }
  if (map !== undefined) {
    short("map")
    short(map)
    byte(Op.SETITEM)
  }
  if (trace !== undefined) {
    short("trace")
    short(trace)
    byte(Op.SETITEM)
  }
  for (const [name, value] of [
    ["snapshot", snapshot],
    ["restore", restore]
  ] as const) {
    if (value !== true) continue
    short(name)
    byte(Op.NEWTRUE)
    byte(Op.SETITEM)
  }
  byte(Op.TUPLE2)
  byte(Op.STOP)
  return bytes.subarray(0, at)
}
