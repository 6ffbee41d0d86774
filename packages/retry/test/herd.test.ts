import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Backoff } from "../src/index.ts"

const clients = 20_000
const base = 1000

/**
 * All clients fail at the same moment and retry five times: the share of them that arrives in the busiest slot, a tenth of the base long.
 */
const busiest = (backoff: Backoff.Backoff): number => {
  const random = Effect.runSync(Random.withSeed(Effect.replicateEffect(Random.next, 5 * clients), 42))
  const slots = new Map<number, number>()
  for (let client = 0; client < clients; client++) {
    let at = 0
    let step = Backoff.start
    for (let retry = 0; retry < 5; retry++) {
      step = Backoff.next(backoff, step, random[5 * client + retry] ?? Number.NaN, undefined)
      at += step.delay
      const slot = Math.floor((at / base) * 10)
      slots.set(slot, (slots.get(slot) ?? 0) + 1)
    }
  }
  return Math.max(...slots.values()) / clients
}

const mean = (backoff: Backoff.Backoff): number => {
  const random = Effect.runSync(Random.withSeed(Effect.replicateEffect(Random.next, clients), 7))
  const delays = random.map((draw) => Backoff.next(backoff, Backoff.start, draw, undefined).delay)
  return delays.reduce((sum, delay) => sum + delay, 0) / clients / base
}

const exponential = (jitter: Backoff.Jitter) => Backoff.exponential(base, { cap: "1 day", jitter })

describe("a herd that fails together", () => {
  it("comes back together without jitter", () => {
    assert.strictEqual(busiest(exponential("none")), 1)
  })

  it("is spread to at most 12 % in a slot by decorrelated v2", () => {
    const share = busiest(Backoff.decorrelatedV2(base, { cap: "1 day" }))
    assert.isAtMost(share, 0.12)
    assert.isAtLeast(share, 0.09)
  })

  it("is spread by the other jitters as the arithmetic says", () => {
    assert.closeTo(busiest(exponential("full")), 0.152, 0.01)
    assert.closeTo(busiest(exponential("equal")), 0.201, 0.01)
    assert.closeTo(busiest(exponential({ proportional: 0.5 })), 0.101, 0.01)
    assert.closeTo(busiest(Backoff.decorrelatedV1(base, { cap: "64 seconds" })), 0.064, 0.02)
  })
})

describe("means of the first delay, in units of the base", () => {
  const jitters: ReadonlyArray<readonly [string, Backoff.Backoff, number]> = [
    ["full", Backoff.constant(base, { jitter: "full" }), 0.5],
    ["equal", Backoff.constant(base, { jitter: "equal" }), 0.75],
    ["proportional", Backoff.constant(base, { jitter: { proportional: 0.3 } }), 1],
    ["decorrelated v1", Backoff.decorrelatedV1(base), 2],
    ["decorrelated v2", Backoff.decorrelatedV2(base), 0.87]
  ]
  it.each(jitters)("%s", (_, backoff, expected) => assert.closeTo(mean(backoff), expected, 0.01))
})

describe("any backoff at any retry", () => {
  it("waits a finite time within its bounds, whatever its figures", () => {
    const random = Effect.runSync(Random.withSeed(Effect.replicateEffect(Random.next, 20_000), 1))
    let at = 0
    const draw = () => random[at++ % random.length] ?? Number.NaN
    const millis = (from: number, to: number) => from * (to / from) ** draw()
    const hour = 3_600_000
    for (let round = 0; round < 400; round++) {
      const b = millis(1, hour)
      const cap = millis(b, 24 * hour)
      const floor = draw() < 0.5 ? 0 : draw() * cap
      const jitter = (["none", "full", "equal", { proportional: draw() }] as const)[round % 4] ?? "none"
      const bounds = { floor, cap, jitter }
      const wild = [Number.NaN, -1, Infinity, -Infinity, 1e308, b]
      for (const backoff of [
        Backoff.linear(b, { ...bounds, increment: millis(1, hour) }),
        Backoff.exponential(b, { ...bounds, factor: millis(1, 1e300) }),
        Backoff.fibonacci(b, bounds),
        Backoff.delays([0, b, millis(1, hour)], bounds),
        Backoff.decorrelatedV1(b, { floor, cap }),
        Backoff.decorrelatedV2(b, { floor, cap }),
        Backoff.custom((retry) => wild[retry % wild.length] ?? b, bounds)
      ]) {
        let step = Backoff.start
        for (const retry of [1, 2, 3, 63, 64, 1023, 1024, 1025, 2047, 2048]) {
          step = Backoff.next(backoff, { ...step, retry: retry - 1 }, draw(), undefined)
          assert.isTrue(
            step.delay >= backoff.floor && step.delay <= backoff.cap,
            `${backoff.family} ${retry}: ${step.delay}`
          )
        }
      }
    }
  })
})
