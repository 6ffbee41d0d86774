import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** The test clock, and all that was asked of it. */
export const spied: Effect.Effect<{
  readonly spy: Clock.Clock
  readonly touched: ReadonlyArray<PropertyKey>
}> = Effect.map(Clock.Clock, (clock) => {
  const touched: Array<PropertyKey> = []
  const spy = new Proxy(clock, {
    get(target, key) {
      touched.push(key)
      return Reflect.get(target, key)
    }
  })
  return { spy, touched }
})
