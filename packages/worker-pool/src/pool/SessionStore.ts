/**
 * Where the snapshots of sessions are kept: a row for each session, by its class and its key. The bytes mean something to Python alone.
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

/** The row of one session. */
export interface Row {
  /** What is stored, if anything is. */
  readonly load: Effect.Effect<Uint8Array | undefined, SessionError>
  readonly save: (data: Uint8Array) => Effect.Effect<void, SessionError>
  readonly drop: Effect.Effect<void, SessionError>
}

/** The row of a session. Writing fails with the reason `store`; reading, and dropping what is stale, with `restore`. */
export const row = (backend: Backend, target: string, key: string): Row => {
  const name = `${target}/${key}`
  const failed =
    (reason: "restore" | "store", what: string) =>
    (error: KeyValueStore.KeyValueStoreError): SessionError =>
      stackless(
        () =>
          new SessionError({
            reason,
            key,
            target: `${target} (session "${key}")`,
            detail: `its snapshot cannot be ${what}: ${error.message}`
          })
      )
  return {
    load: Effect.mapError(backend.getUint8Array(name), failed("restore", "read")),
    save: (data) => Effect.mapError(backend.set(name, data), failed("store", "stored")),
    drop: Effect.mapError(backend.remove(name), failed("restore", "removed"))
  }
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
