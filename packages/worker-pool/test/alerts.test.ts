import { assert, describe, it } from "@effect/vitest"
import { Alerts } from "@fireweed/worker-pool"
import type { PoolEvent } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const ended = (outcome: PoolEvent.CallOutcome, waited = 0): PoolEvent.PoolEvent => ({
  _tag: "CallEnded",
  target: "app:f",
  outcome,
  error: undefined,
  worker: "1.1",
  attempts: 1,
  waited,
  took: waited
})
const gone: PoolEvent.PoolEvent = { _tag: "WorkerGone", worker: "1.1", detail: "exited with status 1" }

/** Tells events one after the other; the alerts so far. */
const watching = (...rules: ReadonlyArray<Alerts.Rule>) =>
  Effect.gen(function* () {
    const events = yield* Queue.unbounded<PoolEvent.PoolEvent>()
    const alerts: Array<Alerts.Alert> = []
    const watched = Alerts.watch(Stream.fromQueue(events), { rules, cooldown: "5 minutes" })
    yield* Effect.forkScoped(
      Stream.runForEach(watched, (alert) => Effect.sync(() => alerts.push(alert))),
      { startImmediately: true }
    )
    const tell = (times: number, event: PoolEvent.PoolEvent) =>
      Effect.andThen(
        Queue.offerAll(
          events,
          Array.from({ length: times }, () => event)
        ),
        TestClock.adjust("1 milli")
      )
    return { alerts, tell }
  })

describe("D37 an error rate is errors among all calls", () => {
  it.effect("nine of a hundred are not a tenth, ten are; then it is silent for the cooldown", () =>
    Effect.gen(function* () {
      const { alerts, tell } = yield* watching(Alerts.errorRate())
      yield* tell(9, ended("PythonError"))
      yield* tell(80, ended("success"))
      // One of ten at the tenth call: the first nine are all failures, and too few to judge by.
      assert.lengthOf(alerts, 1)
      assert.include(alerts[0], { _tag: "HighErrorRate", calls: 10, failed: 9, rate: 0.9 })
      yield* tell(1_000, ended("WorkerLost"))
      assert.lengthOf(alerts, 1)
      yield* TestClock.adjust("5 minutes")
      yield* tell(100, ended("success"))
      yield* tell(11, ended("QueueFull"))
      assert.lengthOf(alerts, 1, "11 of 111 are less than a tenth")
      yield* tell(1, ended("QueueFull"))
      assert.include(alerts[1], { calls: 112, failed: 12 })
    })
  )

  it.effect("a caller that left counts, and is no failure; what is older than the window is forgotten", () =>
    Effect.gen(function* () {
      const { alerts, tell } = yield* watching(Alerts.errorRate({ threshold: 0.5, minimum: 4 }))
      yield* tell(2, ended("PythonError"))
      yield* TestClock.adjust("1 minute")
      yield* tell(3, ended("interrupted"))
      yield* tell(2, ended("PythonError"))
      assert.lengthOf(alerts, 0)
      yield* tell(1, ended("PythonError"))
      assert.include(alerts[0], { calls: 6, failed: 3, rate: 0.5 })
    })
  )
})

describe("the other rules", () => {
  it.effect("a crash loop is so many deaths within the window", () =>
    Effect.gen(function* () {
      const { alerts, tell } = yield* watching(Alerts.crashLoop({ deaths: 2, window: "10 seconds" }))
      yield* tell(1, gone)
      yield* TestClock.adjust("11 seconds")
      yield* tell(1, gone)
      assert.lengthOf(alerts, 0)
      yield* tell(1, gone)
      assert.include(alerts[0], { _tag: "CrashLoop", deaths: 2 })
      const single = yield* watching(Alerts.crashLoop({ deaths: 1 }))
      yield* single.tell(1, gone)
      assert.include(single.alerts[0], { _tag: "CrashLoop", deaths: 1 })
    })
  )

  it.effect(
    "a circuit that opens and a call that waited each have their own, with a cooldown of their own",
    () =>
      Effect.gen(function* () {
        const { alerts, tell } = yield* watching(Alerts.circuitOpen, Alerts.queueAge({ over: "2 seconds" }))
        yield* tell(1, { _tag: "Circuit", from: "Open", to: "HalfOpen" })
        yield* tell(1, ended("success", 2_000))
        assert.lengthOf(alerts, 0)
        yield* tell(2, { _tag: "Circuit", from: "Closed", to: "Open" })
        yield* tell(2, ended("QueueFull", 2_001))
        assert.deepStrictEqual(
          alerts.map(({ _tag }) => _tag),
          ["CircuitOpen", "QueueAge"]
        )
      })
  )

  for (const [make, name] of [
    [() => Alerts.errorRate({ threshold: 2 }), "threshold"],
    [() => Alerts.errorRate({ minimum: 0 }), "minimum"],
    [() => Alerts.crashLoop({ window: 0 }), "window"],
    [() => Alerts.queueAge({ over: "0 millis" }), "over"],
    [() => Alerts.watch(Stream.empty, { rules: [], cooldown: 0 }), "cooldown"]
  ] as const) {
    it(`refuse a wrong ${name}`, () => assert.throws(make, TypeError, name))
  }
})
