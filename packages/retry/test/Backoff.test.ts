import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Backoff from "../src/Backoff.ts"
import * as Retry from "../src/Retry.ts"

/** The delays between the calls of an effect that always fails, as the clock sees them. */
const observed = (backoff: Backoff.Backoff, retries: number) =>
  Effect.gen(function* () {
    const calls: Array<number> = []
    const call = Effect.andThen(
      Effect.map(Clock.currentTimeMillis, (now) => calls.push(now)),
      Effect.fail("no")
    )
    const fiber = yield* Effect.forkChild(Effect.exit(Retry.run(call, Retry.make({ retries, backoff }))))
    yield* TestClock.adjust("1 day")
    yield* Fiber.join(fiber)
    return calls.slice(1).map((at, index) => at - (calls[index] ?? 0))
  })

/** `count` delays with chance from a seed. */
const drawn = (backoff: Backoff.Backoff, count: number, seed: number): ReadonlyArray<number> => {
  const random = Effect.runSync(Random.withSeed(Effect.replicateEffect(Random.next, count), seed))
  let step = Backoff.start
  return random.map((draw) => (step = Backoff.next(backoff, step, draw, undefined)).delay)
}

/** The first delay of a second, at the low end and in the middle of its range. */
const range = (jitter: Backoff.Jitter) =>
  [0, 0.5].map((draw) => Backoff.preview(Backoff.constant(1000, { jitter }), 1, draw)[0])

const x = (t: number) => 2 ** t * Math.tanh(Math.sqrt(4 * t))

describe("families wait exactly", () => {
  const families: ReadonlyArray<readonly [string, Backoff.Backoff, ReadonlyArray<number>]> = [
    ["constant", Backoff.constant("2 seconds"), [2000, 2000, 2000]],
    ["constant over 30 seconds", Backoff.constant("1 minute"), [60_000, 60_000]],
    ["linear", Backoff.linear("1 second"), [1000, 2000, 3000, 4000]],
    ["linear with increment", Backoff.linear("1 second", { increment: "100 millis" }), [1000, 1100, 1200]],
    ["exponential", Backoff.exponential("100 millis"), [100, 200, 400, 800, 1600]],
    ["exponential by 3", Backoff.exponential("100 millis", { factor: 3 }), [100, 300, 900, 2700]],
    ["exponential to the cap", Backoff.exponential("10 seconds"), [10_000, 20_000, 30_000, 30_000]],
    [
      "fibonacci",
      Backoff.fibonacci("1 second"),
      [1000, 1000, 2000, 3000, 5000, 8000, 13_000, 21_000, 30_000]
    ],
    ["delays", Backoff.delays([0, "100 millis", "1 second"]), [0, 100, 1000, 1000]],
    ["floor", Backoff.linear("1 second", { floor: "2500 millis" }), [2500, 2500, 3000]],
    ["custom", Backoff.custom((retry) => retry * retry), [1, 4, 9, 16]]
  ]
  for (const [name, backoff, delays] of families)
    it.effect(name, () =>
      Effect.map(observed(backoff, delays.length), (actual) => assert.deepStrictEqual(actual, [...delays]))
    )

  it("custom sees the error", () => {
    const backoff = Backoff.custom((retry, error: { readonly wait: number }) => retry + error.wait)
    assert.strictEqual(Backoff.next(backoff, Backoff.start, 0, { wait: 41 }).delay, 42)
  })
})

describe("decorrelated", () => {
  it("v1 draws between the base and three times the last delay", () => {
    const backoff = Backoff.decorrelatedV1(100, { cap: 1000 })
    assert.deepStrictEqual(Backoff.preview(backoff, 4, 0), [100, 100, 100, 100])
    assert.deepStrictEqual(Backoff.preview(backoff, 4, 0.5), [200, 350, 550, 550])
  })

  it("v2 follows the formula of Polly below the cap", () => {
    const draws = [0.2, 0.9, 0.5, 0, 0.7, 0.3]
    let [step, before] = [Backoff.start, 0]
    draws.forEach((draw, n) => {
      step = Backoff.next(Backoff.decorrelatedV2(1000, { cap: "1 day" }), step, draw, undefined)
      const expected = ((x(n + draw) - before) * 1000) / 1.4
      before = x(n + draw)
      assert.closeTo(step.delay, expected, 1e-6)
    })
  })

  it("v2 has the medians 0.9, 1.1, 2, 4, 8, 16", () => {
    const runs = Array.from({ length: 4001 }, (_, seed) =>
      drawn(Backoff.decorrelatedV2(1000, { cap: "1 day" }), 6, seed)
    )
    const medians = [0, 1, 2, 3, 4, 5].map(
      (n) => runs.map((run) => run[n] ?? NaN).toSorted((a, b) => a - b)[2000] ?? NaN
    )
    const expected = [900, 1140, 2000, 4000, 8000, 16_000]
    medians.forEach((median, n) => assert.closeTo(median / (expected[n] ?? NaN), 1, 0.08))
  })
})

describe("jitter", () => {
  const cap = 30_000
  const all: ReadonlyArray<readonly [string, (base: number) => Backoff.Backoff]> = (
    ["none", "full", "equal", { proportional: 0.25 }, { proportional: 1 }] as const
  ).flatMap((jitter) => [
    [`linear ${JSON.stringify(jitter)}`, (base: number) => Backoff.linear(base, { cap: cap + base, jitter })],
    [
      `exponential ${JSON.stringify(jitter)}`,
      (base: number) => Backoff.exponential(base, { cap: cap + base, jitter })
    ],
    [
      `fibonacci ${JSON.stringify(jitter)}`,
      (base: number) => Backoff.fibonacci(base, { cap: cap + base, jitter })
    ],
    [
      `constant ${JSON.stringify(jitter)}`,
      (base: number) => Backoff.constant(base, { cap: cap + base, jitter })
    ]
  ])
  const decorrelated: typeof all = [
    ["decorrelated v1", (base) => Backoff.decorrelatedV1(base, { cap: cap + base })],
    ["decorrelated v2", (base) => Backoff.decorrelatedV2(base, { cap: cap + base })]
  ]

  for (const [name, make] of [...all, ...decorrelated])
    it(`${name}: 2,048 delays from 1 ms to 60 min stay within the bounds`, () => {
      for (const base of [1, 7, 250, 1000, 59_999, 3_600_000])
        drawn(make(base), 2048, base).forEach((delay, index) =>
          assert.isTrue(
            delay >= 0 && delay <= cap + base,
            `retry ${index + 1} of ${base} ms waits ${delay} ms`
          )
        )
    })

  for (const [name, make] of all.filter(([name]) => !name.includes("none")).concat(decorrelated))
    it(`${name}: the cap does not erase the spread`, () => {
      const late = drawn(make(1000), 400, 7).slice(100)
      assert.isAbove(new Set(late).size, 250)
      assert.isAbove(Math.max(...late) - Math.min(...late), Math.max(...late) / 5)
    })

  it("full, equal and proportional draw from their ranges", () => {
    assert.deepStrictEqual(range("full"), [0, 500])
    assert.deepStrictEqual(range("equal"), [500, 750])
    assert.deepStrictEqual(range({ proportional: 0.2 }), [800, 1000])
  })

  it("the floor holds, and jitter is drawn above it", () => {
    const backoff = Backoff.exponential(100, { floor: 50, jitter: "full" })
    assert.deepStrictEqual(Backoff.preview(backoff, 2, 0), [50, 50])
    assert.deepStrictEqual(Backoff.preview(backoff, 2, 0.5), [75, 125])
  })

  it.effect("a seed makes the delays of a policy exact", () =>
    Effect.gen(function* () {
      const backoff = Backoff.decorrelatedV2("1 second")
      const expected = drawn(backoff, 3, 42)
      const seen: Array<number> = []
      const policy = Retry.make({
        backoff,
        onRetry: (attempt) => void seen.push(Duration.toMillis(attempt.delay))
      })
      const fiber = yield* Effect.forkChild(
        Effect.exit(Random.withSeed(Retry.run(Effect.fail("no"), policy), 42))
      )
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.strictEqual(seen.length, 3)
      seen.forEach((delay, index) => assert.closeTo(delay, expected[index] ?? NaN, 1e-5))
    })
  )
})

describe("toSchedule", () => {
  it.effect("drives Effect.retry, each run from the start", () =>
    Effect.gen(function* () {
      const schedule = Schedule.upTo(Backoff.toSchedule(Backoff.exponential("100 millis")), { times: 3 })
      const calls: Array<number> = []
      const call = Effect.andThen(
        Effect.map(Clock.currentTimeMillis, (now) => calls.push(now)),
        Effect.fail("no")
      )
      const twice = Effect.andThen(
        Effect.exit(Effect.retry(call, schedule)),
        Effect.exit(Effect.retry(call, schedule))
      )
      const fiber = yield* Effect.forkChild(twice)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(calls, [0, 100, 300, 700, 700, 800, 1000, 1400])
    })
  )
})

describe("options are refused by name", () => {
  const refused: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["unknown key", () => Backoff.linear(1, JSON.parse(`{ "max": 3 }`)), /Backoff\.linear.*excess.*"max"/s],
    ["negative", () => Backoff.constant(-1), /delays/],
    ["infinite", () => Backoff.exponential(1, { cap: Duration.infinity }), /"cap"/],
    ["not a number", () => Backoff.linear(NaN), /"base"/],
    ["base over cap", () => Backoff.fibonacci("1 minute"), /base \(60000 ms\) is over cap \(30000 ms\)/],
    [
      "floor over cap",
      () => Backoff.constant(1, { floor: 3, cap: 2 }),
      /floor \(3 ms\) is over cap \(2 ms\)/
    ],
    ["factor below 1", () => Backoff.exponential(1, { factor: 0.5 }), /"factor"/],
    ["proportion over 1", () => Backoff.constant(1, { jitter: { proportional: 1.1 } }), /"proportional"/],
    [
      "jitter for decorrelated",
      () => Backoff.decorrelatedV2(1, JSON.parse(`{ "jitter": "full" }`)),
      /"jitter"/
    ]
  ]
  it.each(refused)("%s", (_, make, message) => assert.throws(make, message))
})
