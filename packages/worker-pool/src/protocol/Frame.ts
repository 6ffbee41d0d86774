/**
 * Frames: a 24-byte header and a body, as pure functions over bytes. `PROTOCOL.md` has the layout.
 *
 * Every field is checked against the limit and against the others before anything is allocated, so that a peer gone mad costs at most
 * the bytes it really sent.
 */

import { Buffer } from "node:buffer"

/** Length of the header, in bytes. */
export const HEADER_LENGTH = 24

/** First two bytes of each frame, `F W`, read as a little-endian number. */
export const MAGIC = 0x5746

/** Largest body that is accepted unless another limit is set, in bytes: 1 GiB. */
export const DEFAULT_MAX_FRAME = 1024 ** 3

/** Largest number of out-of-band buffers one frame can have. */
export const MAX_BUFFERS = 0xffff

/** How the meta of a frame is written. */
export type CodecId = 0 | 1

/** One frame. `buffers` are the values that travel out of band. */
export interface Frame {
  readonly kind: number
  readonly codec: CodecId
  readonly id: number
  readonly meta: Uint8Array
  readonly buffers: ReadonlyArray<Uint8Array>
}

/** The content of a frame that is to be sent: the meta in pieces, so that large ones need not be joined. */
export interface Payload {
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly buffers: ReadonlyArray<Uint8Array>
}

/** A frame that is to be sent. */
export interface Outgoing extends Payload {
  readonly kind: number
  readonly codec: CodecId
  readonly id: number
}

/** What a peer did wrong: which rule of the protocol, and with what. */
export interface ProtocolViolation {
  readonly _tag: "ProtocolViolation"
  readonly rule: string
  readonly detail: string
}

/** Names a broken rule. */
export const violation = (rule: string, detail: string): ProtocolViolation => ({
  _tag: "ProtocolViolation",
  rule,
  detail
})

/** No bytes: the meta of a frame that has none. */
export const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0)

const NO_BUFFERS: ReadonlyArray<Uint8Array> = []
const CODEC_BIT = 1

/** Makes a frame without buffers; `meta` defaults to none, `id` to 0, the codec to JSON. */
export const make = (kind: number, id = 0, meta: Uint8Array = EMPTY, codec: CodecId = 1): Outgoing => ({
  kind,
  codec,
  id,
  pieces: [meta],
  buffers: NO_BUFFERS
})

/** Bytes of the body that a payload makes, padding included. */
export const bodyLength = ({ buffers, pieces }: Payload): number => {
  let length = 0
  for (const piece of pieces) length += piece.length
  if (buffers.length === 0) return length
  length = pad8(length) + 8 * buffers.length
  for (const buffer of buffers) length += pad8(buffer.byteLength)
  return length
}

/**
 * The bytes of a frame, in order. A small one comes in one part; those of a large one are its pieces and buffers themselves, not copies.
 */
export const encode = (frame: Outgoing): ReadonlyArray<Uint8Array> => {
  const { buffers, pieces } = frame
  let metaLength = 0
  for (const piece of pieces) metaLength += piece.length
  const length = bodyLength(frame)
  const whole = length <= JOIN_LIMIT
  const head = new Uint8Array(HEADER_LENGTH + (whole ? length : 0))
  const view = new DataView(head.buffer)
  view.setUint16(0, MAGIC, true)
  view.setUint8(2, frame.kind)
  view.setUint8(3, frame.codec)
  view.setUint32(4, frame.id, true)
  view.setUint32(8, metaLength, true)
  view.setUint16(12, buffers.length, true)
  writeU64(view, 16, length)
  if (!whole)
    return buffers.length === 0 ? [head, ...pieces] : [head, ...pieces, ...tail(metaLength, buffers)]
  let at = HEADER_LENGTH
  for (const piece of pieces) {
    head.set(piece, at)
    at += piece.length
  }
  if (buffers.length > 0)
    for (const part of tail(metaLength, buffers)) {
      head.set(part, at)
      at += part.length
    }
  return [head]
}

/** Turns a stream of bytes back into frames. */
export interface Decoder {
  /**
   * Takes the next bytes and hands over each frame they complete. Returns the rule they break, if they do; after that the decoder is of no
   * more use and every further push returns the same.
   *
   * The bytes of a frame may be a view of the chunk: decode them at once, or copy.
   */
  readonly push: (chunk: Uint8Array) => ProtocolViolation | undefined
  /** Whether a frame has begun and not ended: a peer that goes away now leaves half a frame. */
  readonly isPartial: () => boolean
}

/** What a decoder accepts. */
export interface DecoderOptions {
  /** Largest body, in bytes. */
  readonly maxFrame: number
  /** Whether this side may be sent this kind. */
  readonly accepts: (kind: number) => boolean
  readonly onFrame: (frame: Frame) => void
}

interface Header {
  readonly kind: number
  readonly codec: CodecId
  readonly id: number
  readonly metaLength: number
  readonly bufferCount: number
  readonly bodyLength: number
}

/**
 * Makes a decoder. It holds at most one unfinished frame: 24 bytes, or a body, for which 64 MiB are reserved at most before that much
 * has really come, and the rest then, so that 64 MiB are the most that is ever copied.
 */
export const decoder = (options: DecoderOptions): Decoder => {
  const scratch = new Uint8Array(HEADER_LENGTH)
  let scratchLength = 0
  let header: Header | undefined
  let body: Uint8Array | undefined
  let bodyLength = 0
  let broken: ProtocolViolation | undefined

  const finish = (head: Header, bytes: Uint8Array): ProtocolViolation | undefined => {
    const frame = split(head, bytes)
    if ("_tag" in frame) return frame
    options.onFrame(frame)
    return undefined
  }

  const push = (chunk: Uint8Array): ProtocolViolation | undefined => {
    let at = 0
    while (broken === undefined) {
      if (header === undefined) {
        const available = chunk.length - at
        if (scratchLength === 0 && available >= HEADER_LENGTH) {
          const parsed = parseHeader(chunk, at, options)
          at += HEADER_LENGTH
          if ("_tag" in parsed) return (broken = parsed)
          header = parsed
        } else {
          const taken = Math.min(HEADER_LENGTH - scratchLength, available)
          scratch.set(chunk.subarray(at, at + taken), scratchLength)
          scratchLength += taken
          at += taken
          if (scratchLength < HEADER_LENGTH) return undefined
          scratchLength = 0
          const parsed = parseHeader(scratch, 0, options)
          if ("_tag" in parsed) return (broken = parsed)
          header = parsed
        }
      }
      const current: Header = header
      if (body === undefined && chunk.length - at >= current.bodyLength) {
        // A body that is all here is read in place. One with buffers is copied, so that they start at a multiple of 8.
        const view = chunk.subarray(at, at + current.bodyLength)
        at += current.bodyLength
        header = undefined
        broken = finish(current, current.bufferCount > 0 ? view.slice() : view)
        continue
      }
      if (body === undefined) {
        body = reserve(Math.min(current.bodyLength, RESERVE))
        bodyLength = 0
      }
      const taken = Math.min(current.bodyLength - bodyLength, chunk.length - at)
      if (bodyLength + taken > body.length) {
        const larger = reserve(current.bodyLength)
        larger.set(body.subarray(0, bodyLength))
        body = larger
      }
      body.set(chunk.subarray(at, at + taken), bodyLength)
      bodyLength += taken
      at += taken
      if (bodyLength < current.bodyLength) return undefined
      const whole = body
      header = undefined
      body = undefined
      broken = finish(current, whole)
    }
    return broken
  }

  return { push, isPartial: () => header !== undefined || scratchLength > 0 }
}

/** What a header alone can make us reserve, in bytes. The system gives real memory only for what is written. */
const RESERVE = 64 * 1024 ** 2

/** Memory that starts at a multiple of 8, and is not filled with zeros: it is handed on only when all of it has been written. */
const reserve = (length: number): Uint8Array => Buffer.allocUnsafeSlow(length)

/** A frame up to this size, in bytes, is written in one part. */
const JOIN_LIMIT = 65_536
const PADDING = new Uint8Array(8)
const pad8 = (length: number): number => Math.ceil(length / 8) * 8

/** What follows the meta: padding, the table of lengths, the buffers. */
const tail = (metaLength: number, buffers: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const padding = pad8(metaLength) - metaLength
  const table = new Uint8Array(padding + 8 * buffers.length)
  const view = new DataView(table.buffer)
  const parts: Array<Uint8Array> = [table]
  for (const [index, buffer] of buffers.entries()) {
    writeU64(view, padding + 8 * index, buffer.byteLength)
    parts.push(buffer, PADDING.subarray(0, pad8(buffer.byteLength) - buffer.byteLength))
  }
  return parts
}

const writeU64 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

const readU64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32

const parseHeader = (bytes: Uint8Array, at: number, options: DecoderOptions): Header | ProtocolViolation => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_LENGTH)
  const magic = view.getUint16(0, true)
  if (magic !== MAGIC)
    return violation("magic", `expected 0x5746, got 0x${magic.toString(16).padStart(4, "0")}`)
  const kind = view.getUint8(2)
  if (!options.accepts(kind))
    return violation("kind", `0x${kind.toString(16).padStart(2, "0")} is not known here`)
  const flags = view.getUint8(3)
  if ((flags & ~CODEC_BIT) !== 0) return violation("flags", `unknown bits in ${flags}`)
  if (view.getUint16(14, true) !== 0) return violation("reserved", "bytes 14 and 15 are not 0")
  const metaLength = view.getUint32(8, true)
  const bufferCount = view.getUint16(12, true)
  const bodyLength = readU64(view, 16)
  if (bodyLength > options.maxFrame) {
    return violation("limit", `a body of ${bodyLength} bytes, the limit is ${options.maxFrame}`)
  }
  const atLeast = bufferCount === 0 ? metaLength : pad8(metaLength) + 8 * bufferCount
  if (bufferCount === 0 ? bodyLength !== metaLength : bodyLength < atLeast) {
    return violation("length", `meta ${metaLength}, buffers ${bufferCount}, body ${bodyLength}`)
  }
  return {
    kind,
    codec: (flags & CODEC_BIT) === 0 ? 0 : 1,
    id: view.getUint32(4, true),
    metaLength,
    bufferCount,
    bodyLength
  }
}

const split = (header: Header, body: Uint8Array): Frame | ProtocolViolation => {
  const { bufferCount, codec, id, kind, metaLength } = header
  const meta = bufferCount === 0 ? body : body.subarray(0, metaLength)
  if (bufferCount === 0) return { kind, codec, id, meta, buffers: NO_BUFFERS }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const table = pad8(metaLength)
  const buffers: Array<Uint8Array> = []
  let at = table + 8 * bufferCount
  for (let index = 0; index < bufferCount; index++) {
    const length = readU64(view, table + 8 * index)
    if (at + pad8(length) > body.length) {
      return violation("buffers", `buffer ${index} of ${length} bytes runs past the end of the body`)
    }
    buffers.push(body.subarray(at, at + length))
    at += pad8(length)
  }
  if (at !== body.length) return violation("buffers", `${body.length - at} bytes are left over`)
  return { kind, codec, id, meta, buffers }
}
