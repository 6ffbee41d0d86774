import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@fireweed/circuit-breaker"
import { Backoff, Retry } from "@fireweed/retry"
import { Dependency, Timeline } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

const { fails, hangs, inTurn, latency, succeeds } = Dependency

describe("a script", () => {
  it.effect("is played step by step, and its last step goes on", () =>
    Effect.gen(function* () {
      const dependency = Dependency.make(
        inTurn(fails(2), succeeds(1, "a"), fails(1, "busy"), succeeds(1, "b"))
      )
      const exits = yield* Effect.all(Array.from({ length: 6 }, () => Effect.result(dependency.call)))
      assert.deepStrictEqual(
        exits.map((exit) => (exit._tag === "Success" ? exit.success : exit.failure)),
        [new Dependency.Down(), new Dependency.Down(), "a", "busy", "b", "b"]
      )
      assert.deepStrictEqual([dependency.calls(), dependency.running()], [6, 0])
    })
  )

  it.effect("takes its latency in virtual time, adds them up, and hangs until it is interrupted", () =>
    Effect.gen(function* () {
      const timeline = yield* Timeline.make
      const slow = latency("1 second", inTurn(latency("2 seconds", succeeds(1)), fails(1)))
      const dependency = Dependency.make(inTurn(slow, hangs()), { timeline, name: "price" })
      const calls = yield* Effect.forkChild(
        Effect.all([dependency.call, Effect.exit(dependency.call), dependency.call])
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(dependency.running(), 1)
      yield* Fiber.interrupt(calls)
      assert.strictEqual(
        Timeline.print(timeline),
        [
          "t = 0   price 1",
          "t = 3s  price 1 succeeds",
          "t = 3s  price 2",
          "t = 4s  price 2 fails",
          "t = 4s  price 3",
          "t = 10s price 3 is interrupted"
        ]
          .map((line) => line.replace(/^t = (\S+)\s+/, (_, at: string) => `t = ${at}`.padEnd(7) + "  "))
          .join("\n")
      )
    })
  )

  it("refuses what makes no sense, by name", () => {
    assert.throws(() => fails(0), TypeError, "Dependency.fails: times")
    assert.throws(() => succeeds(1.5), TypeError, "Dependency.succeeds: times")
    assert.throws(() => latency("Infinity", succeeds()), TypeError, "Dependency.latency: duration")
    assert.throws(() => Dependency.make(inTurn()), TypeError, "no step")
  })
})

describe("a timeline", () => {
  it.effect("prints what happened when something did not", () =>
    Effect.gen(function* () {
      const timeline = yield* Timeline.make
      yield* timeline.mark("closed")
      yield* TestClock.adjust("60 seconds")
      yield* timeline.mark("opened")
      yield* Timeline.expect(timeline, "opened", { at: "60 seconds", times: 1 })
      yield* Timeline.expect(timeline, "half-open", { times: 0 })
      const error = yield* Effect.flip(Timeline.expect(timeline, "opened", { at: "59 seconds" }))
      assert.strictEqual(error.message, `expected "opened" at 59s, but\nt = 0   closed\nt = 1m  opened`)
      const often = yield* Effect.flip(Timeline.expect(timeline, "opened", { times: 2 }))
      assert.include(often.message, 'expected "opened", 2 times, but\n')
    })
  )
})

/** What is shown to work with the family's own; the dependency knows neither. */
describe("with a circuit breaker", () => {
  it.effect(
    "it opens at the fifth failure, half-opens after its time, and closes when the dependency is well",
    () =>
      Effect.gen(function* () {
        const timeline = yield* Timeline.make
        const breaker = yield* CircuitBreaker.make({
          openDuration: "60 seconds",
          halfOpen: { trials: 1 }
        })
        yield* Timeline.follow(timeline, breaker.transitions, ({ from, to }) =>
          from === undefined ? undefined : `circuit ${to}`
        )
        const prices = Dependency.make(inTurn(fails(5), latency("2 seconds", succeeds())), { timeline })
        const caller = Effect.repeat(Effect.exit(breaker.run(prices.call)), Schedule.spaced("10 seconds"))
        yield* Effect.forkScoped(caller)
        yield* TestClock.adjust("3 minutes")
        yield* Timeline.expect(timeline, "circuit Open", { at: "40 seconds", times: 1 })
        yield* Timeline.expect(timeline, "call 6", { at: "100 seconds" })
        yield* Timeline.expect(timeline, "circuit HalfOpen", { at: "100 seconds" })
        yield* Timeline.expect(timeline, "circuit Closed", { at: "102 seconds" })
      })
  )
})

describe("with a retry policy", () => {
  it.effect("it tries again after each delay, and no more once it succeeds", () =>
    Effect.gen(function* () {
      const timeline = yield* Timeline.make
      const prices = Dependency.make(inTurn(fails(3), succeeds()), { timeline })
      const policy = Retry.make({
        retries: 5,
        backoff: Backoff.exponential("1 second"),
        onRetry: ({ delay }) => timeline.mark(`waits ${String(delay)}`)
      })
      yield* Effect.forkScoped(Retry.run(prices.call, policy))
      yield* TestClock.adjust("1 minute")
      yield* Timeline.expect(timeline, "call 2", { at: "1 second" })
      yield* Timeline.expect(timeline, "call 3", { at: "3 seconds" })
      yield* Timeline.expect(timeline, "call 4 succeeds", { at: "7 seconds" })
      yield* Timeline.expect(timeline, "call 5", { times: 0 })
    })
  )
})
