/** Snapshots of a mock worker's sessions: what `snapshot` gives, as bytes that a pool can keep, and back. */
import { Codec, Frame } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Failure from "./Failure.ts"

/** The method that does nothing, for a call that is made for its snapshot alone. */
export const METHOD = "@snapshot"

/** The names of what an object must have. */
export const NEEDED: ReadonlyArray<string> = ["snapshot", "restore"]

/** The bytes of a state. */
export const pack = (state: unknown): Effect.Effect<Uint8Array, unknown> =>
  Effect.suspend(() => {
    const payload = Codec.pickle.encode(state, "snapshot")
    if ("_tag" in payload) return Failure.refuse("encode", Failure.refusalText(payload))
    const parts = Frame.encode({ kind: 0x83, codec: 0, id: 0, ...payload })
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return Effect.succeed(bytes)
  })

/** The state of some bytes. */
export const unpack = (bytes: Uint8Array): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    let frame: Frame.Frame | undefined
    const decoder = Frame.decoder({
      maxFrame: bytes.length,
      accepts: () => true,
      onFrame: (read) => {
        frame = read
      }
    })
    const broken = decoder.push(bytes)
    const read = frame === undefined ? broken : Codec.pickle.decode(frame)
    return read === undefined || "_tag" in read
      ? Failure.refuse("decode", "snapshot: cut short, or changed since it was made")
      : Effect.succeed(read.value)
  })

/** An answer with a snapshot, as it is sent; `failure` is why there is none. */
export const answer = (
  codec: Codec.Codec,
  value: unknown,
  snapshot: Uint8Array | undefined,
  failure: unknown
): ReadonlyArray<unknown> => [
  value,
  snapshot === undefined ? null : codec.name === "json" ? Base64.encode(snapshot) : snapshot,
  failure ?? null
]
