import { assert, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import { TestClock } from "effect/testing"

/** Every series as `name{labels} value`. */
const series = Effect.map(Metric.snapshot, (metrics) =>
  metrics
    .map((metric) => {
      const labels = Object.entries(metric.attributes ?? {}).map(([name, value]) => `${name}=${value}`)
      const { state } = metric
      const value = "value" in state ? state.value : "count" in state ? state.count : "?"
      return `${metric.id}{${labels.join()}} ${value}`
    })
    .toSorted()
)

const scenario = (options: SessionAffinity.Options) =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ expireAfter: "10 seconds", ...options })
    yield* affinity.add("a")
    for (const key of ["x", "y", "z"]) yield* affinity.resolve(key)
    yield* affinity.resolve("x")
    yield* affinity.add("b")
    yield* affinity.bind("y", "b")
    yield* affinity.bind("w", "b")
    yield* affinity.unbind("z")
    yield* affinity.remove("b")
    yield* Effect.flip(affinity.resolve("y"))
    yield* TestClock.adjust("10 seconds")
    yield* affinity.stats
  })

it.effect("on request, all that happens is counted, by reasons of which there are few", () =>
  Effect.gen(function* () {
    yield* scenario({ metrics: true, name: "workers" })
    assert.deepStrictEqual(yield* series, [
      "session_affinity_bindings{affinity=workers} 0",
      "session_affinity_ends{affinity=workers,how=Expired} 1",
      "session_affinity_ends{affinity=workers,how=Lost} 2",
      "session_affinity_ends{affinity=workers,how=Unbound} 1",
      "session_affinity_hits{affinity=workers} 1",
      "session_affinity_moves{affinity=workers,reason=bind} 1",
      "session_affinity_placements{affinity=workers,reason=bind} 1",
      "session_affinity_placements{affinity=workers,reason=placed} 3",
      "session_affinity_rejections{affinity=workers,reason=TargetGone} 1"
    ])
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("waiting calls are a gauge", () =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ metrics: true, busy: () => true })
    yield* affinity.add("a")
    const call = yield* Effect.forkChild(affinity.resolve("k"), { startImmediately: true })
    assert.include(yield* series, "session_affinity_waiting{affinity=affinity} 1")
    yield* Fiber.interrupt(call)
    assert.include(yield* series, "session_affinity_waiting{affinity=affinity} 0")
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("without a request nothing is", () =>
  Effect.gen(function* () {
    yield* scenario({})
    assert.deepStrictEqual(yield* series, [])
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)
