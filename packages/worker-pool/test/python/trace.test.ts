/** Spans that go on in Python. */
import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { pool } from "../support.ts"

noLeaks()

for (const codec of ["pickle", "json"] as const) {
  it.live(`a call has the span's numbers in Python, and another call has its own (${codec})`, () =>
    Effect.gen(function* () {
      const made: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          made.push(span)
          return span
        }
      })
      const workers = yield* pool({ spans: true, codec })
      const seen = yield* Effect.withTracer(
        Effect.gen(function* () {
          const first = yield* workers.call("fireweed:trace_context")
          const second = yield* workers.call("fireweed:trace_context", [], { deadline: "10 seconds" })
          const session = yield* workers.session("one", "sample:Traced")
          const third = yield* session.call("carrier")
          const items = yield* Stream.runCollect(workers.stream("sample:traced"))
          return [first, second, undefined, third, ...items]
        }).pipe(Effect.scoped),
        tracer
      )
      assert.deepStrictEqual(
        seen.filter((one) => one !== undefined),
        made
          .filter((_, index) => index !== 2)
          .map(({ sampled, spanId, traceId }) => ({
            traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
          }))
      )
      assert.strictEqual(new Set(made.map(({ spanId }) => spanId)).size, 5)
    })
  )
}

it.live("coroutines and their threads have it; without spans there is none", () =>
  Effect.gen(function* () {
    const silent = yield* pool()
    assert.deepStrictEqual(yield* silent.call("fireweed:trace_context"), {})
    const workers = yield* pool({ spans: true, concurrency: 8 })
    const pairs = yield* Effect.forEach(
      Array.from({ length: 8 }, (_, index) => index),
      () => workers.call("sample:traced_async"),
      { concurrency: "unbounded" }
    )
    const texts = pairs.map((pair) => JSON.stringify(pair))
    assert.strictEqual(new Set(texts).size, 8)
    for (const text of texts)
      assert.match(text, /^\[(\{"traceparent":"00-[\da-f]{32}-[\da-f]{16}-01"\}),\1\]$/)
  })
)
