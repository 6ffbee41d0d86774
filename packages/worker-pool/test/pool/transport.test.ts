/** Which transport a pool uses, and that it uses no other. In virtual time, without any process. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const Analysis = PythonModule.make("analysis", {
  score: PythonModule.fn({ args: { n: Schema.Int }, success: Schema.Int })
})

/** All options that concern Python: an interpreter that is not there could not start a single worker. */
class Pool extends WorkerPool.Service<Pool>()("test/Transport", {
  modules: [Analysis],
  python: "/nowhere/python3",
  cwd: "/nowhere",
  requires: ["nothing>=1"],
  preload: ["nothing"],
  setup: "nothing:setup",
  teardown: "nothing:teardown",
  start: "zygote",
  size: { min: 1, max: 3, spare: 1, idleTimeout: "10 seconds" },
  recycle: { calls: 100, minLife: "1 second" },
  output: "ignore",
  callbacks: { double: (n: number) => n * 2 }
}) {}

const mocks = () =>
  MockWorker.make({
    "analysis:score": ({ n }: { readonly n: number }) => n,
    "app:slow": Behaviour.delay("1 second", Behaviour.reply("slow")),
    "app:die": Behaviour.exit(1),
    "app:ask": (n: number) => Behaviour.callback("double", [n]),
    *"app:items"() {
      yield* [1, 2, 3]
    },
    "app:square": (n: number) => n * n,
    "app:Thing": () => ({ get: () => "got" })
  })

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** One program, that asks for everything that starts a worker or speaks to one. */
const program = Effect.gen(function* () {
  const { analysis, pool } = yield* Pool
  yield* TestClock.adjust("1 second")
  const before = [yield* pool.call("app:square", [3]), yield* analysis.score({ n: 7 })]
  const died = yield* Effect.flip(pool.call("app:die"))
  const many = yield* fork(
    Effect.forEach(Array.from({ length: 9 }), () => pool.call("app:slow"), { concurrency: "unbounded" })
  )
  yield* TestClock.adjust("30 seconds")
  const restarting = yield* fork(pool.restart())
  yield* TestClock.adjust("30 seconds")
  yield* Fiber.join(restarting)
  const session = yield* pool.session("key", "app:Thing")
  return [
    before,
    died._tag,
    (yield* Fiber.join(many)).length,
    yield* pool.call("app:ask", [21]),
    yield* Stream.runCollect(pool.stream("app:items")),
    yield* Stream.runCollect(pool.map("app:square", [1, 2])),
    [...new Set((yield* pool.broadcast("app:square", [2])).map(({ result }) => Result.getOrThrow(result)))],
    yield* session.call("get")
  ]
}).pipe(Effect.scoped)

/** A transport that counts the workers that it starts. */
const counting = (connect: Transport.Connect) => {
  const started: Array<string> = []
  const counted: Transport.Connect = (identity, events) => {
    started.push(identity.id)
    return connect(identity, events)
  }
  return { connect: counted, started }
}

/** A small one. */
const scored = (connect: Transport.Connect) =>
  Effect.provide(
    Effect.flatMap(Pool, ({ analysis }) => analysis.score({ n: 1 })),
    Pool.layerWith({ connect })
  )

describe("D76 the layer decides which transport is used, everywhere", () => {
  it.effect("one program, with workers in memory, and nothing of Python is looked for", () =>
    Effect.gen(function* () {
      const mock = mocks()
      const { connect, started } = counting(mock.connect)
      const found = yield* Effect.provide(program, Pool.layerWith({ connect }))
      assert.deepStrictEqual(found, [[9, 7], "WorkerLost", 9, 42, [1, 2, 3], [1, 4], [4], "got"])
      // The first, those for the calls that waited, those in reserve, the replacement, the successors: all of them.
      assert.isAbove(started.length, 4)
      assert.deepStrictEqual(
        [...new Set(mock.received.map(({ worker }) => worker))].toSorted(),
        started.toSorted()
      )
    })
  )

  it.effect("without it the same layer looks for Python, and says so", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(program, Pool.layer))
      assert.deepInclude(error, { _tag: "StartError", reason: "interpreter-not-found" })
    })
  )

  it.effect("two layers in one program keep to their own", () =>
    Effect.gen(function* () {
      const [one, other] = [mocks(), mocks()]
      yield* Effect.all([scored(one.connect), scored(other.connect), scored(one.connect)])
      assert.deepStrictEqual([one.calls.length, other.calls.length], [2, 1])
    })
  )
})
