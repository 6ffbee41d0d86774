import { assert, describe, it } from "@effect/vitest"
import { Faults } from "@fireweed/test-kit"
import { Behaviour, Chaos, FaultyTransport, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failure } from "../support.ts"

const script: MockWorker.Script = {
  "app:echo": (x: unknown) => Behaviour.delay("10 millis", Behaviour.reply(x)),
  *"app:count"(n: number) {
    for (let i = 0; i < n; i++) yield i
  },
  "app:Counter": () => {
    let n = 0
    return { add: (by: number) => (n += by) }
  },
  "app:Tally": () => tally((state) => state)
}

/** A counter that can be saved; what it is restored from is as it is remembered. */
const tally = (remembered: (state: number) => number) => {
  let n = 0
  return {
    add: (by: number) => (n += by),
    snapshot: () => n,
    restore: (state: number) => {
      n = remembered(state)
      return null
    }
  }
}

/** Lets time pass until it is done. */
const inVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let turn = 0; turn < 100_000 && fiber.pollUnsafe() === undefined; turn++)
      yield* TestClock.adjust("5 millis")
    return yield* Fiber.join(fiber)
  })

/** A pool whose transport is struck by one fault, and the calls it gets. */
const struck = (rule: Faults.Rule, options: WorkerPool.Options = {}) =>
  Effect.gen(function* () {
    const faults = yield* Faults.make({ rules: [rule] })
    const mock = MockWorker.make(script)
    const pool = yield* WorkerPool.make({
      size: 1,
      output: "ignore",
      ...options,
      connect: FaultyTransport.around(faults, mock.connect)
    })
    return { faults, mock, pool }
  })

describe("a faulty transport", () => {
  it.effect("kills a worker in the middle of a call", () =>
    Effect.gen(function* () {
      const { pool } = yield* struck({ at: "send:CALL", fault: Faults.kill, when: { nth: 1 } })
      const error = yield* failure("WorkerLost", inVirtualTime(pool.call("app:echo", [1])))
      assert.strictEqual(error.signal, "SIGKILL")
      assert.strictEqual(yield* inVirtualTime(pool.call("app:echo", [2])), 2)
    })
  )

  it.effect("makes what it sends late, in order", () =>
    Effect.gen(function* () {
      const { pool } = yield* struck({
        at: "receive:RESULT",
        fault: Faults.slow("3 seconds"),
        when: { nth: 1 }
      })
      const call = yield* Effect.forkChild(pool.call("app:echo", [1]), { startImmediately: true })
      yield* TestClock.adjust("3009 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(call), 1)
    })
  )

  it.effect("stops a worker, which goes on where it was", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* struck({
        at: "send:CALL",
        fault: Faults.stop("5 seconds"),
        when: { nth: 1 }
      })
      const call = yield* Effect.forkChild(pool.call("app:echo", [1]), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(mock.calls.length, 0)
      assert.isTrue((yield* pool.snapshot).workers[0]?.unresponsive === true)
      yield* TestClock.adjust("1010 millis")
      assert.strictEqual(yield* Fiber.join(call), 1)
    })
  )

  it.effect("lets it starve: nothing it sends arrives, and a deadline ends the call", () =>
    Effect.gen(function* () {
      const { pool } = yield* struck({ at: "send:CALL", fault: Faults.starve, when: { nth: 1 } })
      const call = pool.call("app:echo", [1], { deadline: "1 second" })
      const error = yield* failure("DeadlineExceeded", inVirtualTime(call))
      assert.strictEqual(error.reason, "running")
      assert.strictEqual(yield* inVirtualTime(pool.call("app:echo", [2])), 2)
    })
  )

  it.effect("corrupts a frame either way: an error, never a crash", () =>
    Effect.gen(function* () {
      for (const at of ["send:CALL", "receive:RESULT"]) {
        const { pool } = yield* struck({ at, fault: Faults.corrupt, when: { nth: 1 } })
        const exit = yield* Effect.exit(inVirtualTime(pool.call("app:echo", ["some text"])))
        assert.isFalse(Exit.hasDies(exit))
        assert.notDeepEqual(exit, Exit.succeed("some text"))
        assert.strictEqual(yield* inVirtualTime(pool.call("app:echo", [2])), 2)
      }
    })
  )

  it.effect("keeps a worker from starting, as often as it says", () =>
    Effect.gen(function* () {
      const { faults, pool } = yield* struck(
        { at: "start", fault: Faults.kill, when: { nth: 2 } },
        { size: 2 }
      )
      yield* inVirtualTime(
        Effect.repeat(Effect.delay(pool.snapshot, 5), { until: ({ workers }) => workers.length === 2 })
      )
      assert.deepStrictEqual(
        faults.strikes.map(({ point }) => point),
        ["start"]
      )
    })
  )
})

/** Something of everything. */
const plan = (seed: number): Faults.Plan => ({
  seed,
  rules: [
    { at: "send:CALL", fault: Faults.kill, when: { chance: 0.04 } },
    { at: "receive:RESULT", fault: Faults.corrupt, when: { chance: 0.03 } },
    { at: "receive:RESULT", fault: Faults.slow("40 millis"), when: { chance: 0.05 } },
    { at: "send:CALL", fault: Faults.stop("2 seconds"), when: { chance: 0.02 } },
    { at: "receive:ITEM", fault: Faults.kill, when: { chance: 0.01 } },
    { at: "send:CALL", fault: Faults.starve, when: { chance: 0.01 } },
    { at: "start", fault: Faults.slow("100 millis"), when: { chance: 0.3 } },
    { at: "start", fault: Faults.kill, when: { chance: 0.1 } }
  ]
})

const load: Chaos.Options["load"] = (pool, index) => {
  if (index % 7 === 0)
    return Chaos.countingSession(pool, { key: `s${index}`, target: "app:Counter", method: "add", calls: 8 })
  if (index % 7 === 1) {
    const survivor = { key: `s${index}`, target: "app:Tally", method: "add", calls: 8 }
    return Chaos.survivingSession(pool, { ...survivor, idempotent: index % 2 === 0 })
  }
  return pool.call("app:echo", [index], { idempotent: index % 2 === 0, deadline: "20 seconds" })
}

const storm = (seed: number, options: Partial<Chaos.Options> = {}) =>
  inVirtualTime(
    Chaos.run({
      plan: plan(seed),
      connect: MockWorker.connect(script),
      pool: {
        size: 4,
        crashLoop: { deaths: 1_000 },
        queue: { timeout: "10 minutes" },
        heartbeat: { killAfter: "5 seconds" }
      },
      calls: 200,
      load,
      ...options
    })
  )

/** No fault is needed. */
const fine = { calls: 5, plan: { rules: [] } }

/** What is told then. */
const broken = (options: Partial<Chaos.Options>) => Effect.flip(storm(4, { ...fine, ...options }))

/** A load that takes so long, within a budget of a second. */
const taking = (duration: Duration.Input): Partial<Chaos.Options> => ({
  load: () => Effect.sleep(duration),
  endsWithin: "1 second"
})

describe("chaos", () => {
  it.effect("D77 the plan says which calls fail and how, and it is these and no others", () =>
    Effect.gen(function* () {
      const at = "send:CALL"
      const report = yield* storm(0, {
        plan: {
          rules: [
            { at, fault: Faults.kill, when: { every: 5 } },
            { at, fault: Faults.starve, when: { nth: 7 } }
          ]
        },
        calls: 20,
        concurrency: 1,
        load: (pool, index) => pool.call("app:echo", [index], { deadline: "1 second" })
      })
      assert.deepStrictEqual(report.ends, { ok: 15, WorkerLost: 4, DeadlineExceeded: 1 })
      assert.deepStrictEqual(
        report.strikes.map(({ fault, nth }) => `${fault} ${nth}`),
        ["Kill 5", "Starve 7", "Kill 10", "Kill 15", "Kill 20"]
      )
    })
  )

  it.effect("each call ends once, sessions keep their word, and the pool is whole again", () =>
    Effect.gen(function* () {
      const report = yield* storm(1)
      const count = Object.values(report.ends).reduce((sum, n) => sum + n, 0)
      assert.strictEqual(count, 200)
      assert.isAbove(report.ends["ok"] ?? 0, 100)
      assert.isAbove(report.ends["WorkerLost"] ?? 0, 0)
      assert.deepStrictEqual([...new Set(report.strikes.map(({ fault }) => fault))].toSorted(), [
        "Corrupt",
        "Kill",
        "Slow",
        "Starve",
        "Stop"
      ])
    })
  )

  it.effect(
    "D77 the same plan and seed: the same events in the same order, twice; another seed, others",
    () =>
      Effect.gen(function* () {
        const first = yield* storm(2)
        const second = yield* storm(2)
        assert.deepStrictEqual(second.order, first.order)
        assert.isAbove(first.order.length, 300)
        assert.notDeepEqual((yield* storm(3)).order, first.order)
      })
  )

  it.effect("a promise that is not kept is told, with what came before", () =>
    Effect.gen(function* () {
      const dies = yield* broken({ load: () => Effect.die(new Error("boom")) })
      assert.include(dies.message, "boom")
      const forgetful = MockWorker.connect({ "app:Counter": () => ({ add: () => 1 }) })
      const forgets = yield* broken({ connect: forgetful, load: (pool) => load(pool, 0) })
      assert.include(forgets.message, "session s0")
      for (const wrong of [-1, 20]) {
        const amnesiac = MockWorker.connect({ "app:Tally": () => tally((state) => state + wrong) })
        const lies = yield* broken({
          connect: amnesiac,
          plan: { rules: [{ at: "send:CALL", fault: Faults.kill, when: { nth: 4 } }] },
          load: (pool) => load(pool, 1),
          calls: 1
        })
        assert.include(lies.message, "session s1 has ")
      }
    })
  )

  it.effect("D80 what is slower than its budget fails: a call, and a pool that is not whole again", () =>
    Effect.gen(function* () {
      assert.include((yield* broken(taking("1005 millis"))).message, "0 did not end in time")
      assert.deepStrictEqual((yield* storm(4, { ...fine, ...taking("995 millis") })).ends, { ok: 5 })
      const never = yield* broken({
        connect: MockWorker.connect({ "app:echo": Behaviour.stubborn() }),
        pool: { size: 1, cancelGrace: "10 minutes" },
        calls: 1,
        load: (pool) => pool.call("app:echo", [], { deadline: "1 second" }),
        wholeWithin: "10 seconds"
      })
      assert.include(never.message, "the pool is not whole again")
    })
  )
})
