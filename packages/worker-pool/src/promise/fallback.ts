/** Fallbacks for programs without Effect. */
import * as Effect from "effect/Effect"
import * as Fallback from "../Fallback.ts"
import { run } from "./run.ts"

/** Gives a value, or a promise of one; or throws, or rejects. */
export type Get<A> = () => A | PromiseLike<A>

/**
 * Tries a call, and when it could not be made (`QueueFull`, `PoolUnavailable`, `WorkerLost` that had not begun) one fallback after the other, by the
 * names that they are given here. The answer says where its value is `from`, `primary` for the call itself, and what has `failed` before.
 * When none is left it rejects with `AllFailed`; any other error of the call passes as it is. `when` says after which errors a fallback makes sense.
 *
 * ```ts
 * import { createPool, withFallback } from "@fireweed/worker-pool/promise"
 *
 * const pool = await createPool({ size: 1 })
 * await pool.close()
 * const { failed, from, value } = await withFallback(() => pool.call("statistics:mean", [[1, 2]]), { "last known": () => 1.5 })
 * if (from !== "last known" || value !== 1.5 || failed.length !== 1) throw new Error("expected the last known value")
 * ```
 */
export const withFallback = <A, B>(
  call: Get<A>,
  fallbacks: { readonly [name: string]: Get<B> },
  options: Fallback.Options<unknown> = {}
): Promise<Fallback.Answer<A | B>> =>
  run(
    Effect.suspend(() =>
      Fallback.orElse(
        got(call),
        Object.entries(fallbacks).map(([name, get]) => Fallback.make(name, got(get))),
        options
      )
    )
  )

// What it throws or rejects with is of any type.
const got = <A>(get: Get<A>): Effect.Effect<A, unknown> =>
  Effect.catchDefect(
    Effect.promise(async () => get()),
    Effect.fail
  )
