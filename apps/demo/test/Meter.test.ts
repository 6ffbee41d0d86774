import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Meter from "../src/Meter.ts"

describe("percentile", () => {
  it("is by nearest rank, whatever the order", () => {
    const values = [50, 15, 40, 20, 35]
    assert.deepStrictEqual(
      [0, 5, 30, 40, 50, 100].map((percent) => Meter.percentile(values, percent)),
      [15, 15, 20, 20, 35, 50]
    )
  })

  it("is 0 of nothing", () => assert.strictEqual(Meter.percentile([], 99), 0))
})

class Broken extends Data.TaggedError("Broken")<{}> {}

it.effect("counts calls, errors by tag, and time", () =>
  Effect.gen(function* () {
    const meter = Meter.make()
    const slow = yield* Effect.forkChild(meter.measure("a")(Effect.sleep("30 millis")))
    yield* TestClock.adjust("30 millis")
    yield* Fiber.join(slow)
    yield* Effect.exit(meter.measure("a")(new Broken()))
    yield* meter.measure("b")(Effect.void)
    assert.deepStrictEqual(meter.summary(), [
      { name: "a", calls: 2, errors: { Broken: 1 }, p50: 0, p95: 30, p99: 30 },
      { name: "b", calls: 1, errors: {}, p50: 0, p95: 0, p99: 0 }
    ])
  })
)
