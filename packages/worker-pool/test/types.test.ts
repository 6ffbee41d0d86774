/** What the compiler knows of modules described by `PythonModule`. */
import { assert, it } from "@effect/vitest"
import { MockWorker } from "@fireweed/test-kit/workers"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import type { CallError, MapError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
const same = <A, B>(..._: Equal<A, B> extends true ? [] : ["the types differ"]) => undefined

const Analysis = PythonModule.make("app.analysis", {
  score: PythonModule.fn({
    args: {
      rows: Schema.Array(Schema.Struct({ at: Schema.Date })),
      weight: Schema.optionalKey(Schema.Finite)
    },
    success: Schema.Finite,
    idempotent: true
  }),
  ping: PythonModule.fn(),
  walk: PythonModule.stream({ args: { root: Schema.optionalKey(Schema.String) }, item: Schema.String }),
  Index: PythonModule.session({
    args: { name: Schema.String },
    methods: {
      search: PythonModule.fn({ args: { text: Schema.String }, success: Schema.Array(Schema.Int) }),
      each: PythonModule.stream({ item: Schema.Boolean })
    }
  })
})
const Other = PythonModule.make("other", { f: PythonModule.fn({ success: Schema.Void }) })

class Pool extends WorkerPool.Service<Pool>()("test/Pool", { modules: [Analysis, Other] }) {}

/** Never run: it is for the compiler. */
const calls = (
  analysis: PythonModule.Client<typeof Analysis>,
  broken: Stream.Stream<{}, "broken", Scope.Scope>
) => {
  const score = analysis.score({ rows: [{ at: new Date() }] }, { deadline: "1 second", idempotent: false })
  same<typeof score, Effect.Effect<number, CallError.CallError>>()
  const ping = analysis.ping()
  same<typeof ping, Effect.Effect<unknown, CallError.CallError>>()
  const scores = analysis.score.map([{ rows: [{ at: new Date() }] }], { chunk: 3 })
  same<typeof scores, Stream.Stream<number, MapError.MapError>>()
  const pings = analysis.ping.map(broken)
  same<typeof pings, Stream.Stream<unknown, MapError.MapError | "broken", Scope.Scope>>()
  const walk = analysis.walk({}, { credit: 3 })
  same<typeof walk, Stream.Stream<string, CallError.CallError>>()
  const open = analysis.Index("key", { name: "n" }, { deadline: "1 second" })
  same<Effect.Error<typeof open>, CallError.CallError>()
  same<Effect.Services<typeof open>, Scope.Scope>()

  const methods = (index: Effect.Success<typeof open>) => {
    const search = index.search({ text: "a" }, { deadline: "1 second" })
    same<typeof search, Effect.Effect<ReadonlyArray<number>, CallError.CallError>>()
    const each = index.each()
    same<typeof each, Stream.Stream<boolean, CallError.CallError>>()
    same<typeof index.session, WorkerPool.Session>()
    return [
      // @ts-expect-error it is text
      index.search({ text: 1 }),
      // @ts-expect-error there is no such method
      index.size,
      index.search({ text: "a" }, { idempotent: true }),
      // @ts-expect-error a session takes its arguments by name
      analysis.Index("key", { name: "n" }, { kwargs: {} }),
      analysis.Index("key", { name: "n" }, { snapshots: { every: 2, interval: "1 second", keep: true } })
    ]
  }

  return [
    score,
    ping,
    walk,
    open,
    methods,
    // @ts-expect-error a wrong argument
    analysis.score({ rows: "rows" }),
    // @ts-expect-error a wrong one deep inside
    analysis.score({ rows: [{ at: 1 }] }),
    // @ts-expect-error one is missing
    analysis.score({ weight: 1 }),
    // @ts-expect-error all are missing
    analysis.score(),
    // @ts-expect-error one too many
    analysis.score({ rows: [], exact: true }),
    // @ts-expect-error what may be left out may not be undefined
    analysis.score({ rows: [], weight: undefined }),
    // @ts-expect-error it has none
    analysis.ping({ a: 1 }),
    // @ts-expect-error keyword arguments are arguments
    analysis.score({ rows: [] }, { kwargs: {} }),
    // @ts-expect-error each item has all arguments
    analysis.score.map([{ weight: 1 }]),
    // @ts-expect-error what an item is, is described
    analysis.score.map([], { each: "item" }),
    // @ts-expect-error a stream is one call
    analysis.walk.map,
    // @ts-expect-error a session has a key
    analysis.Index({ name: "n" }),
    // @ts-expect-error there is no such function
    analysis.scores
  ]
}

it("the compiler knows arguments, results, items, methods and errors", () => {
  assert.isFunction(calls)
})

/** Never run, either. */
const maps = (pool: WorkerPool.WorkerPool, source: Stream.Stream<string, "broken", Scope.Scope>) => {
  const untyped = pool.map("m:f", [1, "2"])
  same<typeof untyped, Stream.Stream<unknown, MapError.MapError>>()
  const typed = pool.map("m:f", new Set([1]), { result: Schema.Date, chunk: 10, each: "item", priority: 3 })
  same<typeof typed, Stream.Stream<Date, MapError.MapError>>()
  const streamed = pool.map("m:f", source, { result: Schema.Int })
  same<typeof streamed, Stream.Stream<number, MapError.MapError | "broken", Scope.Scope>>()
  return [
    untyped,
    typed,
    streamed,
    // @ts-expect-error a number is nothing to map over
    pool.map("m:f", 3),
    // @ts-expect-error there is no such option
    pool.map("m:f", [], { chunks: 3 }),
    // @ts-expect-error the results of a map have no credit
    pool.map("m:f", [], { credit: 3 })
  ]
}

it("the compiler knows what a map gives, and what may go wrong with it", () => {
  assert.isFunction(maps)
})

it("the service of a pool has the clients of its modules under the last part of their names", () => {
  type Shape = typeof Pool.Service
  same<keyof Shape, "analysis" | "other" | "pool">()
  same<Shape["analysis"], PythonModule.Client<typeof Analysis>>()
  same<Shape["pool"], WorkerPool.WorkerPool>()
  same<typeof Pool.layer, Layer.Layer<Pool, CallError.StartError>>()
  assert.deepStrictEqual([Analysis.key, Pool.key], ["analysis", "test/Pool"])
  class Bare extends WorkerPool.Service<Bare>()("test/Bare") {}
  same<keyof typeof Bare.Service, "pool">()
})

it("D65 what a pool can do can be read from its type", () => {
  class Bare extends WorkerPool.Service<Bare>()("test/Bare") {}
  /** Never run: it is for the compiler. */
  const promises = (
    bare: typeof Bare.Service,
    { analysis }: typeof Pool.Service,
    session: WorkerPool.Session
  ) => [
    // @ts-expect-error it was made with no module
    bare.analysis,
    // @ts-expect-error a function gives one value, and is no stream
    Stream.runCollect(analysis.score({ rows: [] })),
    // @ts-expect-error a class is opened as a session, and has no methods before
    analysis.Index.search,
    // @ts-expect-error a session opens no session
    session.session,
    session.call("search", [], { idempotent: true }),
    // @ts-expect-error a pool without a description of it knows no such call
    PythonModule.client(bare.pool, Analysis).nothing
  ]
  assert.isFunction(promises)
  same<Effect.Services<ReturnType<WorkerPool.WorkerPool["call"]>>, never>()
})

it.effect("D35 what a pool needs is named where it is made, and its lack is found there", () =>
  Effect.gen(function* () {
    const made = WorkerPool.make({ python: "/nowhere/python3" })
    same<Effect.Services<typeof made>, Scope.Scope>()
    same<Effect.Error<typeof made>, CallError.StartError>()
    const used = Effect.flatMap(Pool, ({ analysis }) => analysis.ping())
    same<Effect.Services<typeof used>, Pool>()
    const whole: Effect.Effect<unknown, CallError.CallError | CallError.StartError> = Effect.provide(
      used,
      Pool.layer
    )
    assert.isTrue(Effect.isEffect(whole))
    // Not at the first call.
    const error = yield* Effect.flip(Effect.scoped(made))
    assert.deepInclude(error, { _tag: "StartError", reason: "interpreter-not-found" })
    const layered = Pool.layerWith({ python: "/nowhere/python3" })
    assert.deepInclude(yield* Effect.flip(Effect.provide(used, layered)), { reason: "interpreter-not-found" })
  })
)

/** A transport to mocks that serve this. */
const serving = (target: string) => MockWorker.connect({ [target]: () => target })

it.effect("D67 a layer says what it provides and what it requires, and nothing else has to be there", () =>
  Effect.gen(function* () {
    class One extends WorkerPool.Service<One>()("test/One") {}
    class Two extends WorkerPool.Service<Two>()("test/Two") {}
    same<Layer.Success<typeof One.layer>, One>()
    same<Layer.Error<typeof One.layer>, CallError.StartError>()
    same<Layer.Services<typeof One.layer>, never>()
    same<Layer.Success<ReturnType<typeof WorkerPool.layer>>, WorkerPool.WorkerPool>()
    same<Layer.Services<ReturnType<typeof WorkerPool.layer>>, never>()

    const both = Effect.all([
      Effect.flatMap(One, ({ pool }) => pool.call("app:one")),
      Effect.flatMap(Two, ({ pool }) => pool.call("app:two"))
    ])
    same<Effect.Services<typeof both>, One | Two>()
    // The one that is not there is still asked for: the other does not take its place.
    const half = Effect.provide(both, Two.layerWith({ connect: serving("app:two") }))
    same<Effect.Services<typeof half>, One>()
    const whole = Effect.provide(half, One.layerWith({ connect: serving("app:one") }))
    assert.deepStrictEqual(yield* whole, ["app:one", "app:two"])
  })
)

it("a description is checked, too", () => {
  const args = { a: Schema.String }
  // @ts-expect-error it is no argument
  assert.throws(() => PythonModule.fn({ args, positional: ["b"] }), /positional has "b"/)
  // @ts-expect-error it is `success`
  assert.throws(() => PythonModule.fn({ result: Schema.String }), /"result"/)
  // @ts-expect-error it is `item`
  assert.throws(() => PythonModule.stream({ success: Schema.String }), /"success"/)
  // @ts-expect-error a module is no member
  assert.throws(() => PythonModule.make("a", { b: Other }), /not made by/)
})
