/** Modules described as typed functions; with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { invalid, pool } from "../support.ts"

noLeaks()

const pythonPath = [fileURLToPath(new URL(".", import.meta.url))]

const Row = Schema.Struct({ value: Schema.Finite })

const Sample = PythonModule.make("described", {
  score: PythonModule.fn({
    args: {
      rows: Schema.Array(Row),
      weight: Schema.optional(Schema.Finite),
      exact: Schema.optionalKey(Schema.Boolean)
    },
    success: Schema.Finite,
    idempotent: true
  }),
  power: PythonModule.fn({
    args: {
      base: Schema.Finite,
      exponent: Schema.Finite,
      modulus: Schema.optionalKey(Schema.NullOr(Schema.Int))
    },
    positional: ["base", "exponent"],
    success: Schema.Finite
  }),
  anything: PythonModule.fn({
    args: { a: Schema.Int, b: Schema.optionalKey(Schema.Int), c: Schema.optionalKey(Schema.Int) },
    positional: ["a", "b"]
  }),
  nothing: PythonModule.fn({ success: Schema.Void }),
  wrong: PythonModule.fn({ success: Schema.Struct({ rows: Schema.Array(Row) }) }),
  slow: PythonModule.fn({ args: { text: Schema.String }, success: Schema.String, deadline: "10 seconds" }),
  walk: PythonModule.stream({
    args: { root: Schema.String, depth: Schema.optionalKey(Schema.Int) },
    item: Schema.String
  }),
  awalk: PythonModule.stream({ args: { n: Schema.Int }, item: Schema.Int, credit: 1 }),
  letters: PythonModule.stream({ args: { text: Schema.String }, item: Schema.Literals(["a", "b"]) }),
  Index: PythonModule.session({
    args: { name: Schema.String, words: Schema.optionalKey(Schema.Array(Schema.String)) },
    methods: {
      add: PythonModule.fn({ args: { text: Schema.String }, success: Schema.Int }),
      search: PythonModule.fn({
        args: { text: Schema.String, limit: Schema.optionalKey(Schema.Int) },
        success: Schema.Array(Schema.String)
      }),
      size: PythonModule.fn({ success: Schema.Int }),
      each: PythonModule.stream({ item: Schema.String }),
      split: PythonModule.fn({ args: { text: Schema.String }, success: Schema.Array(Schema.String) }),
      kind: PythonModule.fn({ success: Schema.Literal("Index") }),
      cached: PythonModule.fn({ args: { n: Schema.Int }, success: Schema.Int }),
      upper: PythonModule.fn({ success: Schema.String })
    }
  })
})

class Pool extends WorkerPool.Service<Pool>()("test/Pool", {
  modules: [Sample],
  size: 1,
  pythonPath,
  output: "ignore"
}) {}

describe("the calls of a described module", () => {
  it.live(
    "of one function with many arguments send each by name or by position, and decode what comes back",
    () =>
      Effect.gen(function* () {
        const { described } = yield* Pool
        const scores = described.score.map([
          { rows: [{ value: 1 }] },
          { rows: [{ value: 2 }, { value: 3 }], weight: 2 },
          { rows: [] }
        ])
        assert.deepStrictEqual(yield* Stream.runCollect(scores), [1, 10, 0])
        const powers = Stream.map(Stream.range(1, 4), (exponent) => ({ base: 2, exponent }))
        assert.deepStrictEqual(
          yield* Stream.runCollect(described.power.map(powers, { chunk: 3 })),
          [2, 4, 8, 16]
        )
        assert.deepStrictEqual(yield* Stream.runCollect(described.nothing.map([{}, {}])), [
          undefined,
          undefined
        ])
      }).pipe(Effect.provide(Pool.layer))
  )

  it.live(
    "of one function with many arguments tell which of them cannot be sent, or what came back wrong",
    () =>
      Effect.gen(function* () {
        const { described } = yield* Pool
        const given: Array<number> = []
        const rows = JSON.parse('[{"rows":[{"value":1}]},{"rows":[]},{"rows":[{"valu":1}]},{"rows":[]}]')
        const sent = yield* Effect.flip(
          Stream.runForEach(described.score.map(rows, { chunk: 4 }), (score) =>
            Effect.sync(() => given.push(score))
          )
        )
        assert.deepStrictEqual([given, sent.index, sent.count, sent.started], [[1, 0], 2, 1, "no"])
        assert.match(sent.message, /item 2: described:score: args are not what is described/)
        const came = yield* Effect.flip(Stream.runDrain(described.wrong.map([{}])))
        assert.deepStrictEqual([came.index, came.reason.reason], [0, "result"])
      }).pipe(Effect.provide(Pool.layer))
  )

  it.live("send arguments by name or by position, and decode what comes back", () =>
    Effect.gen(function* () {
      const { described, pool } = yield* Pool
      const rows = [{ value: 1.5 }, { value: 2 }]
      assert.strictEqual(yield* described.score({ rows }), 3.5)
      assert.strictEqual(yield* described.score({ rows, weight: 2 }, { deadline: "5 seconds" }), 7)
      // What is undefined was left out: Python has a default for it, and would not take None.
      assert.strictEqual(yield* described.score({ rows, weight: undefined, exact: true }), 4)
      assert.strictEqual(yield* described.power({ base: 2, exponent: 10 }), 1024)
      assert.strictEqual(yield* described.power({ base: 2, exponent: 10, modulus: 1000 }), 24)
      assert.deepStrictEqual(yield* described.anything({ c: 3, a: 1 }), [[1], { c: 3 }])
      assert.deepStrictEqual(yield* described.anything({ a: 1, b: 2 }), [[1, 2], {}])
      assert.strictEqual(yield* described.nothing(), undefined)
      assert.strictEqual(yield* described.slow({ text: "a" }), "A")
      // Untyped calls are there as ever.
      assert.strictEqual(yield* pool.call("described:score", [rows, 3]), 10.5)
    }).pipe(Effect.provide(Pool.layer))
  )

  it.live("give the items of generators, synchronous or not, and of other iterators", () =>
    Effect.gen(function* () {
      const { described } = yield* Pool
      assert.deepStrictEqual(yield* Stream.runCollect(described.walk({ root: "r" })), ["r/0", "r/1"])
      assert.deepStrictEqual(yield* Stream.runCollect(described.awalk({ n: 3 })), [0, 1, 2])
      const letters = described.letters({ text: "abc" })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(letters, 2)), ["a", "b"])
      const failed = yield* Effect.flip(Stream.runDrain(letters))
      assert.deepInclude(failed, { _tag: "InvalidCall", reason: "result", target: "described:letters" })
    }).pipe(Effect.provide(Pool.layer))
  )

  it.live("open sessions with typed methods, and give the session itself for all others", () =>
    Effect.gen(function* () {
      const { described } = yield* Pool
      const index = yield* described.Index("user-42", { name: "asyncio", words: ["loop"] })
      assert.strictEqual(yield* index.add({ text: "event loop" }, { deadline: "5 seconds" }), 3)
      assert.deepStrictEqual(yield* index.search({ text: "oo", limit: 1 }), ["loop"])
      assert.strictEqual(yield* index.size(), 3)
      assert.deepStrictEqual(yield* Stream.runCollect(index.each()), ["loop", "event", "loop"])
      assert.deepStrictEqual(yield* index.split({ text: "a b" }), ["a", "b"])
      assert.strictEqual(yield* index.kind(), "Index")
      assert.strictEqual(yield* index.cached({ n: 4 }), 4)
      assert.strictEqual(yield* index.upper(), "ASYNCIO")
      assert.strictEqual(index.session.key, "user-42")
      assert.deepStrictEqual(yield* index.session.call("search", ["eve"]), ["event"])
      const exists = yield* Effect.flip(Effect.scoped(described.Index("user-42", { name: "b" })))
      assert.deepInclude(exists, { _tag: "SessionError", reason: "exists" })
    }).pipe(Effect.scoped, Effect.provide(Pool.layer))
  )

  it.live("refuse wrong arguments before anything is sent, and say where", () =>
    Effect.gen(function* () {
      const { described, pool } = yield* Pool
      // What the types would refuse, as it comes from where there are none.
      const rows: ReadonlyArray<{ readonly value: number }> = JSON.parse('[{"value":1},{"value":"two"}]')
      const nested = yield* invalid(described.score({ rows, weight: Number.NaN }))
      assert.deepInclude(nested, { reason: "arguments", started: "no", target: "described:score" })
      assert.include(nested.message, 'at ["rows"][1]["value"]')
      assert.include(nested.message, 'at ["weight"]')
      const more = { text: "a", twice: true }
      assert.include((yield* invalid(described.slow(more))).message, 'at ["twice"]')
      assert.include(
        (yield* invalid(described.anything(JSON.parse('{"b":2}')))).message,
        'Missing key\n  at ["a"]'
      )
      const index = yield* described.Index("k", { name: "n" })
      const inSession = yield* invalid(index.add(JSON.parse('{"text":1}')))
      assert.deepInclude(inSession, { reason: "arguments", target: 'described:Index.add (session "k")' })
      const inStream = yield* invalid(Stream.runDrain(described.walk(JSON.parse("{}"))))
      assert.deepInclude(inStream, { reason: "arguments", started: "no", target: "described:walk" })
      const opening = yield* invalid(Effect.scoped(described.Index("l", JSON.parse("{}"))))
      assert.deepInclude(opening, { reason: "arguments", started: "no" })
      // Nothing has reached the worker but the session.
      assert.strictEqual((yield* pool.snapshot).workers[0]?.served, 1)
    }).pipe(Effect.scoped, Effect.provide(Pool.layer))
  )

  it.live("refuse an argument that comes by position when the one before it is left out", () =>
    Effect.gen(function* () {
      const Gaps = PythonModule.make("described", {
        anything: PythonModule.fn({
          args: { a: Schema.optionalKey(Schema.Int), b: Schema.optionalKey(Schema.Int) },
          positional: ["a", "b"]
        })
      })
      const gaps = PythonModule.client(yield* pool({ pythonPath, modules: [Gaps] }), Gaps)
      assert.deepStrictEqual(yield* gaps.anything(), [[], {}])
      assert.include(
        (yield* invalid(gaps.anything({ b: 1 }))).message,
        'args have "b", and lack "a" that comes before it'
      )
    })
  )

  it.live("fail with the path of what Python returned and should not", () =>
    Effect.gen(function* () {
      const { described } = yield* Pool
      const error = yield* invalid(described.wrong())
      assert.deepInclude(error, { reason: "result", started: "maybe", target: "described:wrong" })
      assert.include(error.message, 'at ["rows"][0]["value"]')
    }).pipe(Effect.provide(Pool.layer))
  )

  it.live("are there for a pool that was not made with the module", () =>
    Effect.gen(function* () {
      const { slow } = PythonModule.client(yield* pool({ pythonPath }), Sample)
      assert.strictEqual(yield* slow({ text: "b" }), "B")
    })
  )

  it.live("end with the deadline of the description, unless the call has its own", () =>
    Effect.gen(function* () {
      const Time = PythonModule.make("time", {
        sleep: PythonModule.fn({
          args: { seconds: Schema.Finite },
          positional: ["seconds"],
          deadline: "50 millis"
        })
      })
      const { sleep } = PythonModule.client(yield* pool({ modules: [Time] }), Time)
      assert.strictEqual((yield* Effect.flip(sleep({ seconds: 60 })))._tag, "DeadlineExceeded")
      assert.strictEqual(yield* sleep({ seconds: 0.1 }, { deadline: "20 seconds" }), null)
    })
  )

  it.live("are carried by JSON as well", () =>
    Effect.gen(function* () {
      const { described } = yield* Pool
      assert.strictEqual(yield* described.score({ rows: [{ value: 2 }] }), 2)
      assert.strictEqual(yield* described.nothing(), undefined)
    }).pipe(Effect.provide(Pool.layerWith({ codec: "json" })))
  )
})
