import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Backoff from "../src/Backoff.ts"
import * as Retry from "../src/Retry.ts"
import { spied } from "./clock.ts"

const second = Backoff.constant("1 second")
const now = Backoff.constant(0)

/** An effect that fails with `error` and notes when it was called. */
const failing = <E>(error: E) => {
  const calls: Array<number> = []
  const effect = Effect.flatMap(Clock.currentTimeMillis, (at) => {
    calls.push(at)
    return Effect.fail(error)
  })
  return { calls, effect }
}

/** The exit of an effect after a day of virtual time. */
const settled = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect))
    yield* TestClock.adjust("1 day")
    return yield* Fiber.join(fiber)
  })

const flipped = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flatMap(settled(effect), Effect.flip)

/** The failure must be a RetryExhausted. */
const exhausted = <A, E, R>(effect: Effect.Effect<A, E | Retry.RetryExhausted<E>, R>) =>
  Effect.map(flipped(effect), (error) => {
    assert.instanceOf(error, Retry.RetryExhausted)
    return error
  })

describe("success", () => {
  it.effect("at first gives the same value, reads no clock and makes no timer", () =>
    Effect.gen(function* () {
      const { spy, touched } = yield* spied
      const value = { same: true }
      const run = Retry.run(Effect.succeed(value), Retry.make())
      assert.strictEqual(yield* Effect.provideService(run, Clock.Clock, spy), value)
      assert.deepStrictEqual(touched, [])
    })
  )

  it.effect("a retry after a delay makes a timer, one after none does not", () =>
    Effect.gen(function* () {
      for (const [backoff, timers] of [
        [now, 0],
        [second, 3]
      ] as const) {
        const { spy, touched } = yield* spied
        const run = Retry.run(Effect.fail("no"), Retry.make({ backoff }))
        yield* exhausted(Effect.provideService(run, Clock.Clock, spy))
        assert.strictEqual(touched.filter((key) => key === "sleep").length, timers)
      }
    })
  )

  it.effect("after failures ends the retries", () =>
    Effect.gen(function* () {
      let calls = 0
      const flaky = Effect.suspend(() => (++calls < 3 ? Effect.fail("no") : Effect.succeed(calls)))
      assert.deepStrictEqual(
        yield* settled(Retry.run(flaky, Retry.make({ backoff: second }))),
        Exit.succeed(3)
      )
      assert.strictEqual(calls, 3)
    })
  )

  it.effect("one value can be run many times, each with its own count", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const run = Effect.exit(Retry.run(effect, Retry.make({ retries: 2, backoff: now })))
      yield* run
      yield* run
      assert.strictEqual(calls.length, 6)
    })
  )

  it.effect("data-last, with and without options", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const policy = Retry.make({ retries: 1, backoff: now })
      yield* effect.pipe(Retry.run(policy), Effect.flip)
      yield* effect.pipe(Retry.run(policy, { idempotent: false }), Effect.flip)
      assert.strictEqual(calls.length, 3)
    })
  )
})

describe("what is retried", () => {
  it.effect("retries counts the calls after the first", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const error = yield* exhausted(Retry.run(effect, Retry.make({ backoff: second })))
      assert.deepStrictEqual(calls, [0, 1000, 2000, 3000])
      assert.deepStrictEqual([error.reason, error.count], ["attempts", 4])
    })
  )

  it.effect("an error that `while` refuses passes as it is, also after retries", () =>
    Effect.gen(function* () {
      const errors = ["again", "again", "stop"]
      const call = Effect.suspend(() => Effect.fail(errors.shift() ?? "too many calls"))
      const policy = Retry.make({ backoff: now, while: (error: string) => error === "again" })
      assert.strictEqual(yield* Effect.flip(Retry.run(call, policy)), "stop")
    })
  )

  it.effect("a defect is not, nor a failure beside a defect", () =>
    Effect.gen(function* () {
      for (const cause of [Cause.die("bug"), Cause.combine(Cause.fail("no"), Cause.die("bug"))]) {
        let calls = 0
        const call = Effect.suspend(() => (calls++, Effect.failCause(cause)))
        const exit = yield* settled(Retry.run(call, Retry.make()))
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual(calls, 1)
      }
    })
  )

  it.effect("an interruption from within is not", () =>
    Effect.gen(function* () {
      let calls = 0
      const exit = yield* settled(
        Retry.run(
          Effect.suspend(() => (calls++, Effect.interrupt)),
          Retry.make()
        )
      )
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(calls, 1)
    })
  )

  it.effect("undefined is an error like another", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing(undefined)
      assert.strictEqual((yield* exhausted(Retry.run(effect, Retry.make()))).lastError, undefined)
      assert.strictEqual(calls.length, 4)
    })
  )
})

describe("interruption ends it at once, with no further call", () => {
  it.effect("during a call", () =>
    Effect.gen(function* () {
      let [calls, released] = [0, 0]
      const hanging = Effect.onInterrupt(
        Effect.suspend(() => (calls++, Effect.never)),
        () => Effect.sync(() => released++)
      )
      const fiber = yield* Effect.forkChild(Retry.run(hanging, Retry.make({ backoff: now })), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual([calls, released], [1, 1])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.effect("during a delay", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const fiber = yield* Effect.forkChild(Retry.run(effect, Retry.make({ backoff: second })))
      yield* TestClock.adjust("1500 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(calls, [0, 1000])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )
})

describe("many retries", () => {
  it.effect("without a delay leave the thread to others, and end when they are interrupted", () =>
    Effect.gen(function* () {
      let calls = 0
      const endless = Retry.make({ retries: Infinity, backoff: now })
      const call = Effect.suspend(() => (calls++, Effect.fail("no")))
      const fiber = yield* Effect.forkChild(Retry.run(call, endless), { startImmediately: true })
      yield* Effect.yieldNow
      const before = calls
      yield* Fiber.interrupt(fiber)
      const after = calls
      yield* TestClock.adjust("1 day")
      assert.isTrue(before > 0 && calls === after)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )

  it.effect("are made exactly as often as asked, at 1 to 2,048 attempts", () =>
    Effect.gen(function* () {
      for (const attempts of [1, 2, 3, 17, 255, 1024, 2048]) {
        const { calls, effect } = failing("no")
        const error = yield* Effect.flip(
          Retry.run(effect, Retry.make({ retries: attempts - 1, backoff: now }))
        )
        assert.isTrue(error instanceof Retry.RetryExhausted && error.count === attempts)
        assert.strictEqual(calls.length, attempts)
      }
    })
  )

  it.effect("wait out an hour 2,047 times, to the millisecond", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const policy = Retry.make({ retries: 2047, backoff: Backoff.constant("60 minutes") })
      const fiber = yield* Effect.forkChild(Effect.exit(Retry.run(effect, policy)))
      yield* TestClock.adjust("2047 hours")
      yield* Fiber.join(fiber)
      assert.isTrue(calls.length === 2048 && calls.every((at, index) => at === index * 3_600_000))
    })
  )
})

const bug = (): never => {
  throw new Error("a bug")
}

describe("functions of the user's that throw", () => {
  const policies: ReadonlyArray<readonly [string, Retry.Policy]> = [
    ["while", Retry.make({ while: bug })],
    ["retryAfter", Retry.make({ retryAfter: bug })],
    ["backoff", Retry.make({ backoff: Backoff.custom(bug) })],
    ["classify", Retry.byCategory({ classify: bug })]
  ]
  for (const [name, policy] of policies)
    it.effect(`${name}: the call ends with the defect, and is not made again`, () =>
      Effect.gen(function* () {
        const { calls, effect } = failing("no")
        assert.isTrue(Exit.hasDies(yield* settled(Retry.run(effect, policy))))
        assert.strictEqual(calls.length, 1)
      })
    )
})

describe("maxElapsed", () => {
  const policy = Retry.make({ retries: Infinity, backoff: second, maxElapsed: "2500 millis" })

  it.effect("a delay that would pass it is not slept", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const fiber = yield* Effect.forkChild(Effect.flip(Retry.run(effect, policy)))
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.strictEqual(error.reason, "deadline")
      assert.deepStrictEqual(calls, [0, 1000, 2000])
      assert.deepStrictEqual(error.attempts.at(-1)?.delay, Duration.seconds(1))
    })
  )

  it.effect("counts from the start of the first attempt", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const error = yield* exhausted(Retry.run(Effect.delay(effect, "2 seconds"), policy))
      assert.strictEqual(error.reason, "deadline")
      assert.deepStrictEqual(calls, [2000])
      assert.deepStrictEqual(error.attempts[0]?.duration, Duration.seconds(2))
    })
  )

  it.effect("of the call wins over that of the policy", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      const error = yield* exhausted(Retry.run(effect, policy, { maxElapsed: "1 second" }))
      assert.strictEqual(error.reason, "deadline")
      assert.deepStrictEqual(calls, [0, 1000])
    })
  )

  it.effect("a delay that ends just then is slept", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing("no")
      yield* exhausted(Retry.run(effect, Retry.make({ backoff: second, maxElapsed: "1 second" })))
      assert.deepStrictEqual(calls, [0, 1000])
    })
  )
})

const asking = (retryAfter: Duration.Input) => failing({ retryAfter: Duration.fromInputUnsafe(retryAfter) })
const waits = <E>({ calls, effect }: ReturnType<typeof failing<E>>, options?: Retry.Options<E, "last">) =>
  Effect.as(
    Effect.exit(settled(Retry.run(effect, Retry.make({ retries: 1, backoff: second, ...options })))),
    calls
  )

describe("retryAfter", () => {
  it.effect("is the least delay, with up to a fifth added", () =>
    Effect.gen(function* () {
      const seen = new Set<number>()
      for (let n = 0; n < 50; n++) {
        const [first = NaN, then = NaN] = yield* waits(asking("10 seconds"))
        assert.isTrue(then - first >= 10_000 && then - first <= 12_000)
        seen.add(then - first)
      }
      assert.isAbove(seen.size, 10)
    })
  )

  it.effect("does not shorten the backoff", () =>
    Effect.map(waits(asking("100 millis")), (calls) => assert.deepStrictEqual(calls, [0, 1000]))
  )

  it.effect("of zero is now", () =>
    Effect.map(waits(asking(0)), (calls) => assert.deepStrictEqual(calls, [0, 0]))
  )

  it.effect("is clamped to a minute, or to maxRetryAfter", () =>
    Effect.gen(function* () {
      const [, minute = NaN] = yield* waits(asking("3 hours"))
      assert.isTrue(minute >= 60_000 && minute <= 72_000)
      const start = yield* Clock.currentTimeMillis
      const [, five = NaN] = yield* waits(asking("3 hours"), { maxRetryAfter: "5 seconds" })
      assert.isTrue(five - start >= 5000 && five - start <= 6000)
    })
  )

  it.effect("of infinity is never: the error passes", () =>
    Effect.gen(function* () {
      const { calls, effect } = asking(Duration.infinity)
      assert.deepStrictEqual(yield* flipped(Retry.run(effect, Retry.make())), {
        retryAfter: Duration.infinity
      })
      assert.strictEqual(calls.length, 1)
    })
  )

  it.effect("can be read from elsewhere", () =>
    Effect.gen(function* () {
      const header = failing({ headers: { "retry-after": 10 } })
      const [, then = NaN] = yield* waits(header, {
        retryAfter: (error) => error.headers["retry-after"] * 1000
      })
      assert.isAtLeast(then, 10_000)
    })
  )

  it.effect("that would pass maxElapsed gives up", () =>
    Effect.gen(function* () {
      const { calls, effect } = asking("10 seconds")
      const error = yield* exhausted(Retry.run(effect, Retry.make({ maxElapsed: "9 seconds" })))
      assert.deepStrictEqual([error.reason, calls.length], ["deadline", 1])
    })
  )
})

describe("a circuit's rejection", () => {
  const rejection = { category: "circuit", retryAfter: Duration.seconds(10) }

  it.effect("costs no attempt and passes", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing(rejection)
      assert.strictEqual(yield* flipped(Retry.run(effect, Retry.make())), rejection)
      assert.strictEqual(calls.length, 1)
    })
  )

  it.effect("is waited out when asked", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing(rejection)
      yield* exhausted(Retry.run(effect, Retry.make({ retries: 1, waitForCircuit: true })))
      assert.isTrue(calls.length === 2 && (calls[1] ?? NaN) >= 10_000 && (calls[1] ?? NaN) <= 12_000)
    })
  )

  it.effect("without retryAfter passes even then", () =>
    Effect.gen(function* () {
      const { calls, effect } = failing({ category: "circuit" })
      assert.deepStrictEqual(yield* flipped(Retry.run(effect, Retry.make({ waitForCircuit: true }))), {
        category: "circuit"
      })
      assert.strictEqual(calls.length, 1)
    })
  )
})

describe("idempotency", () => {
  const policy = Retry.make({ retries: 2, backoff: now })
  const outcome = (error: unknown, idempotent?: boolean, of: Retry.Policy<unknown, "exhausted"> = policy) =>
    Effect.gen(function* () {
      const { calls, effect } = failing(error)
      const { reason } = yield* exhausted(Retry.run(effect, of, { idempotent }))
      return [reason, calls.length]
    })

  it.effect("a call that may not run twice is retried only after errors that say it had not begun", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcome({ started: "maybe" }, false), ["idempotency", 1])
      assert.deepStrictEqual(yield* outcome("no field at all", false), ["idempotency", 1])
      assert.deepStrictEqual(yield* outcome({ started: "no" }, false), ["attempts", 3])
      assert.deepStrictEqual(yield* outcome({ retrySafe: true }, false), ["attempts", 3])
    })
  )

  it.effect("one that may, or of which nothing is said, always", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcome({ started: "maybe" }, true), ["attempts", 3])
      assert.deepStrictEqual(yield* outcome({ started: "maybe" }), ["attempts", 3])
    })
  )

  it.effect("the call wins over the policy", () =>
    Effect.gen(function* () {
      const careful = Retry.make({ retries: 2, backoff: now, idempotent: false })
      assert.deepStrictEqual(yield* outcome({}, undefined, careful), ["idempotency", 1])
      assert.deepStrictEqual(yield* outcome({}, true, careful), ["attempts", 3])
    })
  )
})

describe("CurrentAttempt", () => {
  it.effect("is the number of the attempt that runs", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const call = Effect.flatMap(Retry.CurrentAttempt, (n) => (seen.push(n), Effect.fail("no")))
      yield* settled(Retry.run(call, Retry.make({ retries: 2 })))
      assert.deepStrictEqual(seen, [1, 2, 3])
      assert.strictEqual(yield* Retry.CurrentAttempt, 1)
    })
  )
})

describe("options are refused by name", () => {
  const refused: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["unknown key", () => Retry.make(JSON.parse(`{ "maxAttempts": 3 }`)), /Retry\.make.*"maxAttempts"/s],
    ["retries below 0", () => Retry.make({ retries: -1 }), /"retries"/],
    ["retries between", () => Retry.make({ retries: 1.5 }), /"retries"/],
    ["no such surface", () => Retry.make(JSON.parse(`{ "surface": "first" }`)), /"surface"/],
    ["no history", () => Retry.make({ history: 0 }), /"history"/],
    ["a schedule for a backoff", () => Retry.make(JSON.parse(`{ "backoff": { "base": 1 } }`)), /"backoff"/],
    [
      "a rule without severity",
      () => Retry.byCategory(JSON.parse(`{ "rules": { "x": { "retries": 1 } } }`)),
      /Retry\.byCategory.*"x".*"severity"/s
    ]
  ]
  it.each(refused)("%s", (_, make, message) => assert.throws(make, message))
})
