import { assert, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const CALLS = { greedy: 8_000, small: 1_000, tiny: 1_000 } as const
const TENANTS = ["greedy", "small", "tiny"] as const
const WORK = 5

/** 10,000 calls at once, or a part of them, over 8 workers; every tenth is of priority 1. The greedy tenant's come first. */
const storm = (keyed: boolean, scale = 1) =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ "app:work": Behaviour.delay(WORK) })
    const pool = yield* WorkerPool.make({
      size: 8,
      output: "ignore",
      queue: { limit: 10_000, timeout: "1 minute" },
      connect: mock.connect
    })
    yield* TestClock.adjust(0)
    assert.strictEqual((yield* pool.snapshot).workers.length, 8)
    const done: Array<{ readonly tenant: string; readonly priority: number; readonly at: number }> = []
    const fibers: Array<Fiber.Fiber<void, unknown>> = []
    for (const tenant of TENANTS) {
      for (let call = 0; call < CALLS[tenant] * scale; call++) {
        const priority = call % 10 === 9 ? 1 : 0
        const work = pool.call("app:work", [tenant, priority], {
          priority,
          ...(keyed ? { fairnessKey: tenant } : {})
        })
        const note = Effect.map(Clock.currentTimeMillis, (at) => void done.push({ tenant, priority, at }))
        fibers.push(yield* Effect.forkChild(Effect.andThen(work, note), { startImmediately: true }))
      }
    }
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.joinAll(fibers)
    const count = (from: number, to: number, of: string): number =>
      done.slice(from, to).filter(({ tenant }) => tenant === of).length
    const last = (of: string): number => done.findLast(({ tenant }) => tenant === of)?.at ?? 0
    return { done, count, last, snapshot: yield* pool.snapshot }
  })

it.effect("of 10,000 calls of three tenants, a greedy one gets its share and no more, by priority", () =>
  Effect.gen(function* () {
    const { count, done, last, snapshot } = yield* storm(true)
    assert.strictEqual(done.length, 10_000)
    assert.deepStrictEqual([snapshot.queued, snapshot.running], [0, 0])

    // Eight calls of the greedy tenant found workers free before anybody waited.
    assert.deepStrictEqual(
      done.slice(0, 8).map(({ tenant }) => tenant),
      Array.from({ length: 8 }, () => "greedy")
    )
    // Then the calls of priority 1: a third for each, while each has some; the rest of them is the greedy tenant's.
    assert.isTrue(done.slice(8, 1_008).every(({ priority }) => priority === 1))
    assert.deepStrictEqual(
      TENANTS.map((tenant) => count(8, 308, tenant)),
      [100, 100, 100]
    )
    // Then those of none: again a third for each, at any time, until the small ones have nothing left.
    for (let to = 1_008; to <= 3_708; to += 300) {
      for (const tenant of TENANTS) assert.closeTo(count(1_008, to, tenant), (to - 1_008) / 3, 1, tenant)
    }
    // All is done after 10,000 x 5 ms / 8; the small tenants were at 3,708 calls.
    assert.closeTo(last("greedy"), 6_250, WORK)
    assert.closeTo(last("small"), (3_708 * WORK) / 8, WORK)
    assert.closeTo(last("tiny"), (3_708 * WORK) / 8, WORK)
  })
)

it.effect("without keys they wait for all of the greedy one's", () =>
  Effect.gen(function* () {
    const { last } = yield* storm(false, 0.1)
    assert.isAbove(last("small"), 550)
  })
)

it.effect("a tenant of weight 3 has three turns for one of another", () =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ "app:work": Behaviour.delay(WORK) })
    const pool = yield* WorkerPool.make({
      size: 1,
      output: "ignore",
      queue: { weights: { paying: 3 } },
      connect: mock.connect
    })
    yield* Effect.forEach(
      ["first", ...Array.from({ length: 12 }, (_, call) => (call % 2 === 0 ? "a" : "b"))],
      (name) =>
        Effect.forkChild(pool.call("app:work", [name], { fairnessKey: name === "a" ? "paying" : "trying" }), {
          startImmediately: true
        })
    )
    yield* TestClock.adjust("1 second")
    assert.strictEqual(
      mock.calls
        .slice(1, 9)
        .map(({ args }) => args[0])
        .join(""),
      "aaabaaab"
    )
  })
)
