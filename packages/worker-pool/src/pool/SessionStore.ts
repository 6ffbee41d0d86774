/**
 * Where the snapshots of sessions are kept, by their class and their key. The bytes mean something to Python alone.
 *
 * Of a session there are two rows, written in turn, so that a write which is cut short (a full disk, the end of the program) never harms the
 * state before it. A row is the number of the write, how many bytes follow (both 8 bytes, the lowest first), and these.
 */
import * as Effect from "effect/Effect"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import { SessionError, stackless } from "../CallError.ts"

/** What of Effect's `KeyValueStore` is used. */
export type Backend = Pick<KeyValueStore.KeyValueStore, "getUint8Array" | "set" | "remove">

/** Whether a value has what is used of one. */
export const isBackend = (u: unknown): u is Backend =>
  typeof u === "object" &&
  u !== null &&
  ["getUint8Array", "set", "remove"].every((name) => typeof Reflect.get(u, name) === "function")

/** What is kept of one session. */
export interface Row {
  /** What was stored last, if anything was. */
  readonly load: Effect.Effect<Uint8Array | undefined, SessionError>
  /** One after the other. */
  readonly save: (data: Uint8Array) => Effect.Effect<void, SessionError>
  readonly drop: Effect.Effect<void, SessionError>
}

/**
 * The rows of a session: two, or one in a store whose writes cannot be cut short. Writing fails with the reason `store`; reading, and dropping
 * what is stale, with `restore`.
 */
export const row = (backend: Backend, target: string, key: string, rows: 1 | 2 = 2): Row => {
  const names = Array.from({ length: rows }, (_, index) => `${index}/${target}/${key}`)
  // The next write; known from what is read.
  let next = 0n
  const fail = (reason: "restore" | "store", detail: string): SessionError =>
    stackless(() => new SessionError({ reason, key, target: `${target} (session "${key}")`, detail }))
  const failed =
    (reason: "restore" | "store", what: string) =>
    (error: KeyValueStore.KeyValueStoreError): SessionError =>
      fail(reason, `its snapshot cannot be ${what}: ${error.message}`)

  return {
    load: Effect.forEach(names, (name) => backend.getUint8Array(name)).pipe(
      Effect.mapError(failed("restore", "read")),
      Effect.flatMap((found) => {
        const there = found.filter((bytes) => bytes !== undefined)
        const [last] = there.flatMap(read).toSorted((a, b) => (a.number < b.number ? 1 : -1))
        if (last !== undefined) next = last.number + 1n
        else if (there.length > 0) return Effect.fail(fail("restore", "its snapshot was cut short"))
        return Effect.succeed(last?.data)
      })
    ),
    save: (data) =>
      Effect.suspend(() => {
        const number = next
        const name = names[Number(number % BigInt(rows))] ?? ""
        return backend.set(name, write(number, data)).pipe(
          Effect.mapError(failed("store", "stored")),
          // The next write goes to the other row only when this one is whole.
          Effect.tap(() => Effect.sync(() => (next = number + 1n)))
        )
      }),
    drop: Effect.forEach(names, (name) => backend.remove(name), { discard: true }).pipe(
      Effect.mapError(failed("restore", "removed"))
    )
  }
}

const HEAD = 16

const write = (number: bigint, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(HEAD + data.length)
  const head = new DataView(bytes.buffer)
  head.setBigUint64(0, number, true)
  head.setBigUint64(8, BigInt(data.length), true)
  bytes.set(data, HEAD)
  return bytes
}

/** A row that is whole; nothing of one that was cut short. */
const read = (bytes: Uint8Array): ReadonlyArray<{ readonly number: bigint; readonly data: Uint8Array }> => {
  if (bytes.length < HEAD) return []
  const head = new DataView(bytes.buffer, bytes.byteOffset)
  return head.getBigUint64(8, true) === BigInt(bytes.length - HEAD)
    ? [{ number: head.getBigUint64(0, true), data: bytes.subarray(HEAD) }]
    : []
}

/** A store of a pool's own, in memory. */
export const memory = (): Backend => {
  const rows = new Map<string, Uint8Array>()
  return {
    getUint8Array: (key) => Effect.sync(() => rows.get(key)),
    set: (key, value) =>
      Effect.sync(
        () => void rows.set(key, typeof value === "string" ? new TextEncoder().encode(value) : value)
      ),
    remove: (key) => Effect.sync(() => void rows.delete(key))
  }
}
