import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Hedge, RetryBudget } from "../src/index.ts"
import { spied } from "./clock.ts"

/** Attempts that take so long and end so, one after the other; what was started, ended and interrupted, and when. */
const scripted = (
  ...script: ReadonlyArray<readonly [millis: number, end: Effect.Effect<string, string>]>
) => {
  const log: Array<string> = []
  let started = 0
  const note = (what: string) =>
    Effect.clockWith((clock) => Effect.sync(() => log.push(`${clock.currentTimeMillisUnsafe()} ${what}`)))
  const effect = Effect.suspend(() => {
    const name = `#${++started}`
    const [millis, end] = script[started - 1] ?? [0, Effect.die("one too many")]
    return note(`${name} starts`).pipe(
      Effect.andThen(Effect.delay(end, millis)),
      Effect.onInterrupt(() => note(`${name} interrupted`))
    )
  })
  return { effect, log }
}

/** Runs it for a minute of virtual time. */
const ended = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    return fiber.pollUnsafe() === undefined ? "runs" : yield* Fiber.join(fiber)
  })

const ok = (value: string) => Effect.succeed(value)
const down = (error: string) => Effect.fail(error)

/** A slow attempt, and a quick one. */
const slow = () => scripted([500, ok("first")], [50, ok("second")])

/** How many timers a hedged effect makes. */
const timers = (effect: Effect.Effect<string, string>) =>
  Effect.gen(function* () {
    const { spy, touched } = yield* spied
    const hedged = Hedge.run(effect, { after: 100, attempts: 9 })
    yield* ended(Effect.provideService(hedged, Clock.Clock, spy))
    return touched.filter((key) => key === "sleep").length
  })

describe("hedging", () => {
  it.effect("starts nothing beside an attempt that is quick", () =>
    Effect.gen(function* () {
      const { effect, log } = scripted([99, ok("first")])
      assert.deepStrictEqual(yield* ended(Hedge.run(effect, { after: 100 })), Exit.succeed("first"))
      assert.deepStrictEqual(log, ["0 #1 starts"])
    })
  )

  it.effect(
    "starts a second beside one that is slow; the first success wins, and the loser is interrupted",
    () =>
      Effect.gen(function* () {
        const { effect, log } = scripted([500, ok("first")], [50, ok("second")])
        assert.deepStrictEqual(yield* ended(effect.pipe(Hedge.run({ after: 100 }))), Exit.succeed("second"))
        assert.deepStrictEqual(log, ["0 #1 starts", "100 #2 starts", "150 #1 interrupted"])
      })
  )

  it.effect("lets the first win, too, and bears the failure of one of them", () =>
    Effect.gen(function* () {
      const { effect, log } = scripted([200, ok("first")], [20, down("second")])
      assert.deepStrictEqual(yield* ended(Hedge.run(effect, { after: 100 })), Exit.succeed("first"))
      assert.deepStrictEqual(log, ["0 #1 starts", "100 #2 starts"])
    })
  )

  it.effect("fails at once when all that run have failed, with the first failure", () =>
    Effect.gen(function* () {
      const early = scripted([50, down("early")])
      assert.deepStrictEqual(yield* ended(Hedge.run(early.effect, { after: 100 })), Exit.fail("early"))
      assert.deepStrictEqual(early.log, ["0 #1 starts"])
      const both = scripted([150, down("first")], [20, down("second")])
      assert.deepStrictEqual(yield* ended(Hedge.run(both.effect, { after: 100 })), Exit.fail("second"))
    })
  )

  it.effect("starts as many as it may, each after the same time", () =>
    Effect.gen(function* () {
      const { effect, log } = scripted([900, ok("1")], [900, ok("2")], [900, ok("3")])
      assert.deepStrictEqual(yield* ended(Hedge.run(effect, { after: 100, attempts: 3 })), Exit.succeed("1"))
      assert.deepStrictEqual(log.slice(0, 3), ["0 #1 starts", "100 #2 starts", "200 #3 starts"])
    })
  )

  it.effect("makes no fiber and no timer for later attempts before their time", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* timers(ok("at once")), 0)
      const soon = scripted([50, ok("soon")])
      // One is the call's own.
      assert.strictEqual(yield* timers(soon.effect), 2)
    })
  )

  it.effect("starts none when its budget is spent", () =>
    Effect.gen(function* () {
      const budget = RetryBudget.make({ ratio: 0, minimum: 1 })
      const results = [yield* ended(Hedge.run(slow().effect, { after: 100, budget }))]
      results.push(
        yield* ended(
          Hedge.run(slow().effect, { after: 100, budget: RetryBudget.make({ ratio: 0, minimum: 0 }) })
        )
      )
      assert.deepStrictEqual(results, [Exit.succeed("second"), Exit.succeed("first")])
    })
  )

  it.effect("ends with all of it when it is interrupted", () =>
    Effect.gen(function* () {
      const { effect, log } = scripted([900, ok("1")], [900, ok("2")])
      const fiber = yield* Effect.forkChild(Hedge.run(effect, { after: 100 }), { startImmediately: true })
      yield* TestClock.adjust("200 millis")
      yield* Fiber.interrupt(fiber)
      assert.sameMembers(log.slice(2), ["200 #1 interrupted", "200 #2 interrupted"])
    })
  )

  it("refuses options that make no sense", () => {
    assert.throws(() => Hedge.run(ok("1"), { after: 100, attempts: 1 }), /attempts/)
    assert.throws(() => Hedge.run(ok("1"), { after: Infinity }), /after/)
  })
})
