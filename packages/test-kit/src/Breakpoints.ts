/** Named points in code under test: a test can stop whoever comes there, look, and let it go on. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/**
 * @category models
 */
export interface Breakpoints {
  /** For the code under test: passes, unless the point is held. */
  readonly at: (point: string) => Effect.Effect<void>
  /** From now on, whoever comes to the point stops there. */
  readonly hold: (point: string) => Effect.Effect<void>
  /** Waits until somebody, or so many, are stopped at the point. */
  readonly reached: (point: string, count?: number) => Effect.Effect<void>
  /** Lets those at the point go on, and all who come later. */
  readonly release: (point: string) => Effect.Effect<void>
  /** How many are stopped at the point now. */
  readonly waiting: (point: string) => number
}

/**
 * Makes them; none is held.
 *
 * ```ts
 * import { Breakpoints } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 *
 * const test = Effect.gen(function* () {
 *   const points = Breakpoints.make()
 *   let balance = 10
 *   const pay = Effect.gen(function* () {
 *     const before = balance
 *     yield* points.at("read")
 *     balance = before - 1
 *   })
 *   yield* points.hold("read")
 *   const one = yield* Effect.forkChild(pay)
 *   const two = yield* Effect.forkChild(pay)
 *   yield* points.reached("read", 2)
 *   yield* points.release("read")
 *   yield* Fiber.joinAll([one, two])
 *   return balance
 * })
 * if ((await Effect.runPromise(test)) !== 9) throw new Error("expected the race, every time")
 * ```
 *
 * @category constructors
 */
export const make = (): Breakpoints => {
  const points = new Map<string, Point>()
  const point = (name: string): Point => {
    const known = points.get(name)
    if (known !== undefined) return known
    const made: Point = { gate: Latch.makeUnsafe(true), waiting: 0, watchers: new Set() }
    points.set(name, made)
    return made
  }
  return {
    at: (name) =>
      Effect.suspend(() => {
        const here = point(name)
        if (here.gate.isOpen()) return Effect.void
        here.waiting++
        for (const watcher of here.watchers) watcher()
        return Effect.ensuring(
          here.gate.await,
          Effect.sync(() => here.waiting--)
        )
      }),
    hold: (name) => Effect.suspend(() => point(name).gate.close),
    release: (name) => Effect.suspend(() => point(name).gate.open),
    reached: (name, count = 1) =>
      Effect.callback<void>((resume) => {
        const here = point(name)
        const look = () => {
          if (here.waiting < count) return
          here.watchers.delete(look)
          resume(Effect.void)
        }
        here.watchers.add(look)
        look()
        return Effect.sync(() => here.watchers.delete(look))
      }),
    waiting: (name) => point(name).waiting
  }
}

interface Point {
  readonly gate: Latch.Latch
  waiting: number
  readonly watchers: Set<() => void>
}
