/** A call is interrupted after each number of turns that it can take: nothing of it may stay behind, and the next call is served. */
import { assert, describe, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const TURNS = 12
const use = () => Effect.forEach([1, 2, 3], () => Effect.yieldNow)

/** What stands in the way of the call, and is taken out of it while the call is interrupted. */
const obstacles: {
  readonly [name: string]: (
    affinity: SessionAffinity.SessionAffinity
  ) => Effect.Effect<Effect.Effect<unknown, unknown>, unknown>
} = {
  nothing: () => Effect.succeed(Effect.void),
  "a busy target": (affinity) =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<void>()
      yield* Effect.forkChild(
        affinity.withTarget("other", () => Deferred.await(end)),
        { startImmediately: true }
      )
      return Deferred.succeed(end, undefined)
    }),
  "a target that is gone": (affinity) => Effect.as(affinity.remove("home"), Effect.void),
  "a target that drains": (affinity) => Effect.as(affinity.drain("home"), Effect.void),
  "a busy target that goes": (affinity) =>
    Effect.as(
      Effect.forkChild(
        affinity.withTarget("other", () => Effect.never),
        { startImmediately: true }
      ),
      affinity.remove("home")
    )
}

for (const ordered of [false, true]) {
  describe(`calls that are interrupted at any time, ordered: ${ordered},`, () => {
    for (const [name, standIn] of Object.entries(obstacles)) {
      it.effect(`behind ${name}: nothing of them stays`, () =>
        Effect.gen(function* () {
          for (let before = 0; before < TURNS; before++) {
            for (let after = 0; after < TURNS; after += 3) {
              const affinity = yield* SessionAffinity.make({
                ordered,
                busy: ({ load }) => load >= 1,
                saveState: () => Effect.yieldNow,
                restoreState: () => Effect.yieldNow
              })
              yield* affinity.add("home")
              yield* affinity.bind("k", "home")
              yield* affinity.bind("other", "home")
              yield* affinity.add("next")
              const clear = yield* standIn(affinity)
              const call = yield* Effect.forkChild(affinity.withTarget("k", use))
              const second = yield* Effect.forkChild(affinity.withTarget("k", use))
              for (let turn = 0; turn < before; turn++) yield* Effect.yieldNow
              yield* clear
              for (let turn = 0; turn < after; turn++) yield* Effect.yieldNow
              call.interruptUnsafe()
              yield* TestClock.adjust("1 millis")
              assert.isTrue(
                Exit.isSuccess(yield* Fiber.await(second)),
                `${before}, ${after}: the next is served`
              )
              const { moving, targets, waiting } = yield* affinity.stats
              const next = targets.find(({ id }) => id === "next")
              const home = targets.find(({ id }) => id === "home")
              assert.deepStrictEqual(
                [moving, waiting, next?.load, home?.load ?? 0, home?.waiting ?? 0],
                [0, 0, 0, 0, 0],
                `${before}, ${after}`
              )
            }
          }
        })
      )
    }
  })
}
