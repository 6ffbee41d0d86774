import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Timers from "../../src/internal/Timers.ts"

it.effect("each runs once, at its moment, in order of time and not of arrival", () =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const ran: Array<string> = []
    for (const delay of [300, 100, 200, 100])
      timers.after(delay, () => ran.push(`${delay} at ${timers.now()}`))
    yield* TestClock.adjust(99)
    assert.deepStrictEqual(ran, [])
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(ran, ["100 at 100", "100 at 100"])
    yield* TestClock.adjust(1_000)
    assert.deepStrictEqual(ran.length, 4)
    assert.isTrue(ran[2]?.startsWith("200") === true && ran[3]?.startsWith("300") === true)
  })
)

it.effect("a cancelled one does not run, and cancelling twice, or late, does nothing", () =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    let ran = 0
    const first = timers.after(10, () => ran++)
    const second = timers.after(20, () => ran++)
    timers.cancel(first)
    timers.cancel(first)
    yield* TestClock.adjust(50)
    timers.cancel(second)
    assert.strictEqual(ran, 1)
    assert.strictEqual(timers.size(), 0)
  })
)

it.effect("one may set another, also for the same moment", () =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const ran: Array<number> = []
    timers.after(10, () => {
      ran.push(1)
      timers.after(0, () => ran.push(2))
      timers.after(5, () => ran.push(3))
    })
    yield* TestClock.adjust(10)
    assert.deepStrictEqual(ran, [1, 2])
    yield* TestClock.adjust(5)
    assert.deepStrictEqual(ran, [1, 2, 3])
  })
)

it.effect("a random mix of setting and cancelling runs exactly those that were left, in order", () =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const expected: Array<number> = []
    const ran: Array<number> = []
    let seed = 42
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
    for (let index = 0; index < 2_000; index++) {
      const at = Math.floor(random() * 10_000)
      const timer = timers.after(at, () => ran.push(at))
      if (random() < 0.5) timers.cancel(timer)
      else expected.push(at)
    }
    yield* TestClock.adjust(10_000)
    assert.deepStrictEqual(
      ran,
      expected.toSorted((a, b) => a - b)
    )
    assert.isAbove(ran.length, 800)
  })
)

it.effect("when the scope closes, those left are forgotten, and later ones never run", () =>
  Effect.gen(function* () {
    let ran = 0
    const timers = yield* Effect.scoped(
      Effect.tap(Timers.make, (timers) => Effect.sync(() => timers.after(10, () => ran++)))
    )
    timers.after(1, () => ran++)
    yield* TestClock.adjust(100)
    assert.strictEqual(ran, 0)
    assert.strictEqual(timers.size(), 0)
  })
)
