/** Integers of any size as Python writes them: two's complement, little-endian, as few bytes as will do. */
import { Buffer } from "node:buffer"

/** The integer in these bytes: a number while it is a safe one. */
export const readInteger = (view: DataView, at: number, length: number): number | bigint => {
  if (length <= 6) {
    let value = 0
    for (let index = 0; index < length; index++) value += view.getUint8(at + index) * 2 ** (8 * index)
    const isNegative = length > 0 && view.getUint8(at + length - 1) >= 0x80
    return isNegative ? value - 2 ** (8 * length) : value
  }
  const value = length === 8 ? view.getBigInt64(at, true) : fromBytes(view, at, length)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** The bytes of an integer. */
export const integerBytes = (value: bigint): Uint8Array => {
  const digits = (value < 0n ? -value : value).toString(16).length
  // One bit more than the digits need, for the sign.
  const length = Math.floor(digits / 2) + 1
  const hex = BigInt.asUintN(8 * length, value).toString(16)
  return Buffer.from(hex.padStart(2 * length, "0"), "hex").toReversed()
}

const fromBytes = (view: DataView, at: number, length: number): bigint => {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length).toReversed()
  return BigInt.asIntN(8 * length, BigInt(`0x${Buffer.from(bytes.buffer).toString("hex")}`))
}
