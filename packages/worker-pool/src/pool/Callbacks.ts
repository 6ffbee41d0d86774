/**
 * The functions that Python may call, by name. What they are told of the calls that wait for them goes with the fiber, so that a call they
 * make can be judged.
 */
import * as Effect from "effect/Effect"
import type { Callback } from "../Options.ts"
import * as Reentry from "./Reentry.ts"

/** Makes the function that calls them: gives a value or an effect, or throws. */
export const make =
  (callbacks: { readonly [name: string]: Callback }) =>
  (name: string, args: ReadonlyArray<unknown>, waiting: Reentry.Waiting): unknown => {
    const callback = Object.hasOwn(callbacks, name) ? callbacks[name] : undefined
    if (callback === undefined) throw new UnknownCallback(`the pool has no callback "${name}"`)
    const value: unknown = Reflect.apply(callback, undefined, args)
    return Effect.isEffect(value) ? Effect.provideService(value, Reentry.Waiting, waiting) : value
  }

/** Python knows the names, and refuses others itself. */
class UnknownCallback extends Error {
  override readonly name = "UnknownCallback"
}
