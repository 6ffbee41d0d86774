/**
 * Text as Python writes it: UTF-8, and a lone surrogate in the three bytes it would have (WTF-8). Both directions have a native fast path;
 * the loops here run only for text that has a lone surrogate.
 */
import type { Buffer } from "node:buffer"

/** The text in these bytes, or `undefined` if they are no text that TypeScript can hold unchanged. */
export const read = (bytes: Buffer, start: number, end: number): string | undefined => {
  const text = bytes.toString("utf8", start, end)
  // The native reader puts U+FFFD for what it cannot read: look closer, for it may be there by right.
  return text.includes("\ufffd") ? readSlowly(bytes, start, end) : text
}

/** How many bytes a text takes that has lone surrogates. */
export const lengthSlowly = (text: string): number => {
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x80) length += 1
    else if (code < 0x800) length += 2
    else if (isPair(text, at)) {
      length += 4
      at++
    } else length += 3
  }
  return length
}

/** Writes a text that has lone surrogates; there must be room. Returns where it ends. */
export const writeSlowly = (text: string, bytes: Uint8Array, start: number): number => {
  let to = start
  for (let at = 0; at < text.length; at++) {
    const pair = isPair(text, at)
    const code = pair ? (text.codePointAt(at) ?? 0) : text.charCodeAt(at)
    if (pair) at++
    if (code < 0x80) bytes[to++] = code
    else {
      if (code < 0x800) bytes[to++] = 0xc0 | (code >> 6)
      else {
        if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12)
        else {
          bytes[to++] = 0xf0 | (code >> 18)
          bytes[to++] = 0x80 | ((code >> 12) & 0x3f)
        }
        bytes[to++] = 0x80 | ((code >> 6) & 0x3f)
      }
      bytes[to++] = 0x80 | (code & 0x3f)
    }
  }
  return to
}

const isPair = (text: string, at: number): boolean =>
  (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00

const CHUNK = 4096

const readSlowly = (bytes: Buffer, start: number, end: number): string | undefined => {
  const parts: Array<string> = []
  let units: Array<number> = []
  let previous = 0
  let at = start
  while (at < end) {
    const lead = bytes.readUInt8(at++)
    const more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (more < 0 || at + more > end) return undefined
    let code = more === 0 ? lead : lead & (0x3f >> more)
    for (let left = more; left > 0; left--) {
      const next = bytes.readUInt8(at++)
      if ((next & 0xc0) !== 0x80) return undefined
      code = (code << 6) | (next & 0x3f)
    }
    if ((more === 2 && code < 0x800) || (more === 3 && (code < 0x10000 || code > 0x10ffff))) return undefined
    // Two surrogates that stand apart in Python would become one character here.
    if ((code & 0xfffffc00) === 0xdc00 && (previous & 0xfffffc00) === 0xd800) return undefined
    previous = code
    if (code < 0x10000) units.push(code)
    else units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff))
    if (units.length >= CHUNK) {
      parts.push(String.fromCharCode(...units))
      units = []
    }
  }
  parts.push(String.fromCharCode(...units))
  return parts.join("")
}

/** Longest text that `readShort` takes, in bytes. */
export const SHORT = 12

const CACHE = 1024
const cache: Array<string> = Array.from({ length: CACHE }, () => "")

/**
 * A short text of ASCII, or `undefined` if it is none. The same few keys come again and again: a small table of the last ones spares most
 * of the work, and gives equal texts that are the same object, which makes them fast keys.
 */
export const readShort = (view: DataView, start: number, length: number): string | undefined => {
  let hash = length
  for (let at = start; at < start + length; at++) {
    const code = view.getUint8(at)
    if (code >= 0x80) return undefined
    hash = (Math.imul(hash, 31) + code) | 0
  }
  const slot = (hash ^ (hash >>> 10)) & (CACHE - 1)
  const known = cache[slot]
  if (known !== undefined && known.length === length) {
    let index = 0
    while (index < length && known.charCodeAt(index) === view.getUint8(start + index)) index++
    if (index === length) return known
  }
  let text = ""
  let at = start
  for (const last = start + length - 4; at <= last; at += 4) {
    const [a, b, c, d] = [
      view.getUint8(at),
      view.getUint8(at + 1),
      view.getUint8(at + 2),
      view.getUint8(at + 3)
    ]
    text += String.fromCharCode(a, b, c, d)
  }
  while (at < start + length) text += String.fromCharCode(view.getUint8(at++))
  cache[slot] = text
  return text
}
