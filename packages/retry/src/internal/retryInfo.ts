/** Finds the delay of a `google.rpc.RetryInfo` among the details of a status, in Protocol Buffers or in JSON. */
import * as Duration from "effect/Duration"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { get } from "./hints.ts"

const NAME = "google.rpc.RetryInfo"

/** From a list of details, or else from a `google.rpc.Status` in bytes or base64. */
export const retryDelay = (details: unknown, status: unknown): Duration.Duration | undefined => {
  if (Array.isArray(details)) {
    for (const detail of details as ReadonlyArray<unknown>) {
      const delay = ofDetail(detail)
      if (delay !== undefined) return delay
    }
  }
  const bytes = bytesOf(status)
  if (bytes === undefined) return undefined
  // Status: details = 3, of Any: type_url = 1, value = 2.
  for (const any of fields(bytes)) {
    if (any.number !== 3 || any.bytes === undefined) continue
    const parts = fields(any.bytes)
    const url = parts.find((part) => part.number === 1)?.bytes
    if (url !== undefined && isNamed(new TextDecoder().decode(url)))
      return ofRetryInfo(parts.find((part) => part.number === 2)?.bytes)
  }
  return undefined
}

const isNamed = (type: unknown): boolean =>
  type === NAME || (typeof type === "string" && type.endsWith(`/${NAME}`))

const ofDetail = (detail: unknown): Duration.Duration | undefined => {
  if (isNamed(get(detail, "@type"))) return ofText(get(detail, "retryDelay"))
  if (!isNamed(get(detail, "type"))) return undefined
  const value = get(detail, "value")
  return value instanceof Uint8Array ? ofRetryInfo(value) : undefined
}

const ofText = (text: unknown): Duration.Duration | undefined =>
  typeof text === "string" && /^\d{1,12}(?:\.\d{1,9})?s$/.test(text)
    ? Duration.seconds(Number(text.slice(0, -1)))
    : undefined

/** RetryInfo: retry_delay = 1, of Duration: seconds = 1, nanos = 2. */
const ofRetryInfo = (bytes: Uint8Array | undefined): Duration.Duration | undefined => {
  const delay = bytes === undefined ? undefined : fields(bytes).find((part) => part.number === 1)?.bytes
  if (delay === undefined) return undefined
  const parts = fields(delay)
  const whole = (number: number): bigint =>
    BigInt.asIntN(64, parts.find((part) => part.number === number)?.varint ?? 0n)
  const nanos = whole(1) * 1_000_000_000n + whole(2)
  return nanos < 0n ? undefined : Duration.millis(Number(nanos) / 1e6)
}

const bytesOf = (u: unknown): Uint8Array | undefined => {
  if (u instanceof Uint8Array) return u
  if (typeof u !== "string") return undefined
  // gRPC writes base64 without its padding.
  return Result.getOrUndefined(Base64.decode(u.padEnd(Math.ceil(u.length / 4) * 4, "=")))
}

interface Field {
  readonly number: number
  readonly varint?: bigint
  readonly bytes?: Uint8Array
}

/** The fields of a message; none if it is malformed. */
const fields = (bytes: Uint8Array): ReadonlyArray<Field> => {
  const found: Array<Field> = []
  let at = 0
  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag === undefined) return []
    const number = Number(tag >> 3n)
    const kind = Number(tag & 7n)
    if (kind === 0) {
      const value = varint()
      if (value === undefined) return []
      found.push({ number, varint: value })
      continue
    }
    const length = kind === 2 ? varint() : kind === 1 ? 8n : kind === 5 ? 4n : undefined
    if (length === undefined || length > BigInt(bytes.length - at)) return []
    const end = at + Number(length)
    if (kind === 2) found.push({ number, bytes: bytes.subarray(at, end) })
    at = end
  }
  return found
}
