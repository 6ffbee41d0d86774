/**
 * Bytes that grow. Text, numbers and small bytes are written one after the other into a chunk; large bytes become a piece of their own
 * and are not copied.
 *
 * A chunk serves many messages: each takes the next part of it, and no part is ever written again, so what was handed out stays as
 * it is however long it takes to send. A message that outgrows the chunk takes it away with it.
 */
import { Buffer } from "node:buffer"
import * as Op from "./opcodes.ts"
import * as Text from "./text.ts"

const CHUNK = 65_536
/** From this size on, in bytes, `bytes` are not copied. */
const LARGE = 32_768
/** Longest text that is written unit by unit, which for so few is faster than the native writer. */
const SHORT = 24

/** Length of PROTO and FRAME with their arguments, in bytes. */
const HEAD = 11

const NO_BYTES = Buffer.alloc(0)

export class Writer {
  #chunk: Buffer = NO_BYTES
  #view: DataView = new DataView(NO_BYTES.buffer)
  #start = 0
  #at = 0
  #pieces: Array<Uint8Array> = []
  /** The first of them. */
  #head: Buffer = NO_BYTES

  /**
   * The beginning of a pickle. All of it, up to the first large bytes, is one frame: CPython reads what it has a frame of three times as fast, but
   * copies it.
   */
  begin(): void {
    const at = this.#room(HEAD)
    this.#chunk[at] = Op.PROTO
    this.#chunk[at + 1] = Op.PROTOCOL
    this.#chunk[at + 2] = Op.FRAME
  }

  /** What was written since {@link begin}. */
  take(): ReadonlyArray<Uint8Array> {
    this.#cut()
    const pieces = this.#pieces
    this.#pieces = []
    const head = this.#head
    const length = head.length - HEAD
    head[3] = length
    head[4] = length >>> 8
    head[5] = length >>> 16
    head[6] = length >>> 24
    head[7] = length / 2 ** 32
    head[8] = head[9] = head[10] = 0
    this.#head = NO_BYTES
    if (this.#chunk.length > CHUNK) this.#chunk = NO_BYTES
    this.#start = this.#at = Math.min(this.#at, this.#chunk.length)
    return pieces
  }

  byte(value: number): void {
    const at = this.#room(1)
    this.#chunk[at] = value
  }

  /** An opcode with an argument of one byte. */
  short(op: number, value: number): void {
    const at = this.#room(2)
    this.#chunk[at] = op
    this.#chunk[at + 1] = value
  }

  /** An opcode with an argument of four bytes. */
  long(op: number, value: number): void {
    const at = this.#room(5)
    this.#chunk[at] = op
    this.#view.setUint32(at + 1, value, true)
  }

  integer(value: number): void {
    if (value >= 0 && value <= 0xff) this.short(Op.BININT1, value)
    else if (value >= 0 && value <= 0xffff) {
      const at = this.#room(3)
      this.#chunk[at] = Op.BININT2
      this.#view.setUint16(at + 1, value, true)
    } else if (value === (value | 0)) this.long(Op.BININT, value)
    else {
      const at = this.#room(10)
      this.#chunk[at] = Op.LONG1
      this.#chunk[at + 1] = 8
      this.#view.setUint32(at + 2, value % 2 ** 32, true)
      this.#view.setInt32(at + 6, Math.floor(value / 2 ** 32), true)
    }
  }

  float(value: number): void {
    const at = this.#room(9)
    this.#chunk[at] = Op.BINFLOAT
    this.#view.setFloat64(at + 1, value)
  }

  /** The two's complement of an integer. */
  bigint(bytes: Uint8Array): void {
    if (bytes.length < 256) this.short(Op.LONG1, bytes.length)
    else this.long(Op.LONG4, bytes.length)
    this.#raw(bytes)
  }

  text(text: string): void {
    const length = text.length
    if (length <= SHORT) {
      const at = this.#room(2 + 3 * SHORT)
      const chunk = this.#chunk
      let index = 0
      for (; index < length; index++) {
        const code = text.charCodeAt(index)
        if (code >= 0x80) break
        chunk[at + 2 + index] = code
      }
      if (index === length) {
        chunk[at] = Op.SHORT_BINUNICODE
        chunk[at + 1] = length
        this.#at = at + 2 + length
        return
      }
      this.#at = at
    }
    const isWellFormed = text.isWellFormed()
    // Three bytes for each unit are enough; for much text it is worth to count.
    const most =
      length <= 1024 ? 3 * length : isWellFormed ? Buffer.byteLength(text) : Text.lengthSlowly(text)
    const at = this.#room(9 + most)
    const head = most > 0xffffffff ? 9 : 5
    const from = at + head
    const end = isWellFormed
      ? from + this.#chunk.write(text, from, "utf8")
      : Text.writeSlowly(text, this.#chunk, from)
    this.#chunk[at] = head === 9 ? Op.BINUNICODE8 : Op.BINUNICODE
    if (head === 9) this.#view.setBigUint64(at + 1, BigInt(end - from), true)
    else this.#view.setUint32(at + 1, end - from, true)
    this.#at = end
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    if (length < 256) this.short(Op.SHORT_BINBYTES, length)
    else if (length <= 0xffffffff) this.long(Op.BINBYTES, length)
    else this.#length8(Op.BINBYTES8, length)
    this.#raw(bytes)
  }

  byteArray(bytes: Uint8Array): void {
    this.#length8(Op.BYTEARRAY8, bytes.length)
    this.#raw(bytes)
  }

  #length8(op: number, length: number): void {
    const at = this.#room(9)
    this.#chunk[at] = op
    this.#view.setBigUint64(at + 1, BigInt(length), true)
  }

  #raw(bytes: Uint8Array): void {
    if (bytes.length >= LARGE) {
      this.#cut()
      this.#pieces.push(bytes)
    } else {
      // First the room, which may bring another chunk.
      const at = this.#room(bytes.length)
      this.#chunk.set(bytes, at)
    }
  }

  #cut(): void {
    if (this.#at === this.#start) return
    const piece = this.#chunk.subarray(this.#start, this.#at)
    if (this.#pieces.length === 0) this.#head = piece
    this.#pieces.push(piece)
    this.#start = this.#at
  }

  /** Where to write the next `size` bytes. */
  #room(size: number): number {
    if (this.#at + size > this.#chunk.length) this.#grow(size)
    const at = this.#at
    this.#at += size
    return at
  }

  #grow(size: number): void {
    const written = this.#at - this.#start
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, 2 * written + size))
    chunk.set(this.#chunk.subarray(this.#start, this.#at))
    this.#chunk = chunk
    this.#view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#start = 0
    this.#at = written
  }
}
