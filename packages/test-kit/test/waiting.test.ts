import { assert, describe, it } from "@effect/vitest"
import { Breakpoints, eventually, Fixture, NeverHappened } from "@fireweed/test-kit"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"

describe("eventually", () => {
  it.effect("holds at once, and moves no clock then", () =>
    Effect.gen(function* () {
      yield* eventually(() => true)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    })
  )

  it.effect("D78 lets other fibers change the state before it moves the clock", () =>
    Effect.gen(function* () {
      let state = 0
      const next = Effect.sync(() => void state++)
      yield* Effect.forkChild(Effect.andThen(Effect.andThen(next, Effect.yieldNow), next))
      yield* eventually(Effect.sync(() => state === 2))
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    })
  )

  it.effect("D78 moves the test clock as far as it has to", () =>
    Effect.gen(function* () {
      let done = false
      yield* Effect.forkChild(
        Effect.delay(
          Effect.sync(() => (done = true)),
          "90 seconds"
        )
      )
      yield* eventually(() => done, { within: "2 minutes", step: "1 second" })
      assert.strictEqual(yield* Clock.currentTimeMillis, 90_000)
    })
  )

  it.effect("D80 says what did not come true, at the end of its time and not after", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        eventually(() => false, { what: "the circuit opened", within: "95 millis" })
      )
      assert.instanceOf(error, NeverHappened)
      assert.strictEqual(error.message, "the circuit opened did not come true within 95ms")
      assert.strictEqual(yield* Clock.currentTimeMillis, 95)
    })
  )

  it.effect("passes on what the condition fails with", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(eventually(Effect.fail("no"))), "no")
    })
  )

  it.live("sees what comes from outside, on the clock of the machine", () =>
    Effect.gen(function* () {
      const { value } = yield* Fixture.childProcess(() => spawn("true"))
      yield* eventually(() => value.exitCode === 0, { what: "it has left", within: "20 seconds" })
    })
  )

  it.live("has an end there, too", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* Effect.flip(eventually(() => false, { within: "5 millis" })), NeverHappened)
    })
  )

  it.effect("refuses options that make no sense, by name", () =>
    Effect.gen(function* () {
      for (const option of ["within", "step"]) {
        const exit = yield* Effect.exit(eventually(() => true, { [option]: "Infinity" }))
        assert.match(
          Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
          new RegExp(`TypeError: eventually: ${option}`)
        )
      }
    })
  )
})

describe("D78 breakpoints", () => {
  it.effect("stop whoever comes to a point that is held, and nobody else", () =>
    Effect.gen(function* () {
      const points = Breakpoints.make()
      const log: Array<string> = []
      const work = (name: string) =>
        Effect.gen(function* () {
          yield* points.at("begin")
          log.push(`${name} reads`)
          yield* points.at("commit")
          log.push(`${name} commits`)
        })
      yield* points.hold("commit")
      const one = yield* Effect.forkChild(work("one"))
      yield* points.reached("commit")
      assert.deepStrictEqual([log, points.waiting("commit"), points.waiting("begin")], [["one reads"], 1, 0])
      yield* points.release("commit")
      yield* Fiber.join(one)
      yield* work("two")
      assert.deepStrictEqual(log, ["one reads", "one commits", "two reads", "two commits"])
    })
  )

  it.effect("count those that wait; one that is interrupted waits no more", () =>
    Effect.gen(function* () {
      const points = Breakpoints.make()
      yield* points.hold("x")
      const reached = yield* Effect.forkChild(points.reached("x", 2), { startImmediately: true })
      const one = yield* Effect.forkChild(points.at("x"), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(reached.pollUnsafe())
      yield* Effect.forkChild(points.at("x"), { startImmediately: true })
      yield* Fiber.join(reached)
      yield* Fiber.interrupt(one)
      assert.strictEqual(points.waiting("x"), 1)
    })
  )
})
