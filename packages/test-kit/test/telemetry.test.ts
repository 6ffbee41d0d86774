import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as TestConsole from "effect/testing/TestConsole"

const queries = Metric.counter("queries")

const program = Effect.gen(function* () {
  yield* Effect.logDebug("details")
  yield* Effect.annotateLogs(Effect.logError("slow", { ms: 12 }), { table: "users" })
  yield* Metric.update(queries, 2)
  return yield* Effect.fail("no")
}).pipe(Effect.withSpan("query", { attributes: { table: "users" } }), Effect.exit)

describe("captured", () => {
  it.effect("D81 logs of every level, spans and metrics can be asserted on, and go nowhere else", () =>
    Effect.gen(function* () {
      const { logs, metrics, spans } = yield* Effect.provide(
        Effect.andThen(program, Telemetry.Captured),
        Telemetry.layerCaptured
      )
      assert.deepStrictEqual(
        logs.map(({ annotations, level, message }) => [level, message, annotations]),
        [
          ["Debug", "details", {}],
          ["Error", ["slow", { ms: 12 }], { table: "users" }]
        ]
      )
      const [span] = spans
      assert.deepStrictEqual([spans.length, span?.name, span?.attributes.get("table")], [1, "query", "users"])
      assert.isTrue(span?.status._tag === "Ended" && Exit.isFailure(span.status.exit))
      assert.deepStrictEqual(
        (yield* metrics).map(({ id, state }) => [id, state]),
        [["queries", { count: 2, incremental: false }]]
      )
      assert.deepStrictEqual([...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)], [])
    })
  )

  it.effect("each use of the layer begins anew", () =>
    Effect.gen(function* () {
      const count = Effect.provide(
        Effect.andThen(
          program,
          Effect.map(Telemetry.Captured, ({ logs }) => logs.length)
        ),
        Telemetry.layerCaptured
      )
      assert.deepStrictEqual(yield* Effect.all([count, count]), [2, 2])
    })
  )
})

describe("silent", () => {
  it.effect("nothing is printed, no span is made, and metrics are counted apart", () =>
    Effect.gen(function* () {
      const before = (yield* Metric.value(queries)).count
      const parent = yield* Effect.provide(
        Effect.andThen(program, Effect.exit(Effect.withSpan(Effect.currentSpan, "none"))),
        Telemetry.layerSilent
      )
      assert.isTrue(Exit.isFailure(parent) || parent.value.traceId === "noop")
      assert.strictEqual((yield* Metric.value(queries)).count, before)
      assert.deepStrictEqual([...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)], [])
    })
  )
})
