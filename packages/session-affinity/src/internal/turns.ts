/** Calls of one key, one after the other in order of arrival, while those of other keys run freely. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { WaitersFull } from "../AffinityError.ts"
import type { Table } from "./table.ts"
import { reject, startWaiting, stopWaiting } from "./waiting.ts"

export interface Turns {
  readonly run: <A, E, R>(key: string, call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | WaitersFull, R>
  /** Keys that calls are in, or wait for. */
  readonly size: () => number
}

export const make = (table: Table): Turns => {
  const turns = new Map<string, { readonly lock: Semaphore.Semaphore; calls: number }>()

  const run = <A, E, R>(key: string, call: Effect.Effect<A, E, R>): Effect.Effect<A, E | WaitersFull, R> =>
    Effect.suspend(() => {
      let turn: { readonly lock: Semaphore.Semaphore; calls: number } | undefined
      let waits = false
      const begin = () => {
        if (waits) stopWaiting(table)
        waits = false
      }
      // As with leases: what is entered is entered inside what `onExit` guards.
      const inTurn = Effect.suspend((): Effect.Effect<A, E | WaitersFull, R> => {
        const known = turns.get(key)
        const refused = known === undefined ? undefined : startWaiting(table, key)
        if (refused !== undefined) return Effect.fail(reject(table, refused))
        waits = known !== undefined
        turn = known ?? { lock: Semaphore.makeUnsafe(1), calls: 0 }
        if (turn.calls++ === 0) turns.set(key, turn)
        return turn.lock.withPermit(
          Effect.suspend(() => {
            begin()
            return call
          })
        )
      })
      return Effect.onExitPrimitive(inTurn, () => {
        begin()
        if (turn !== undefined && --turn.calls === 0) turns.delete(key)
        return undefined
      })
    })

  return { run, size: () => turns.size }
}
