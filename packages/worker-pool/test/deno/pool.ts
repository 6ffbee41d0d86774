import { deepStrictEqual, strictEqual } from "node:assert"
import { test } from "node:test"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const withPool = <A, E>(use: (pool: WorkerPool.WorkerPool) => Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(WorkerPool.make({ size: 1, output: "ignore" }), use)))

test("calls Python", async () => {
  strictEqual(await withPool((pool) => pool.call("math:sqrt", [16])), 4)
})

test("keeps a session", async () => {
  const values = await withPool((pool) =>
    Effect.scoped(
      Effect.gen(function* () {
        const counter = yield* pool.session("a", "collections:Counter", ["aab"])
        yield* counter.call("update", ["b"])
        return yield* counter.call("most_common")
      })
    )
  )
  deepStrictEqual(JSON.stringify(values), '[["a",2],["b",2]]')
})

test("streams, and closes what is left of a stream", async () => {
  const letters = await withPool((pool) =>
    Effect.gen(function* () {
      const all = yield* Stream.runCollect(pool.stream("builtins:iter", ["abc"]))
      const some = yield* Stream.runCollect(Stream.take(pool.stream("itertools:repeat", ["x"]), 100))
      return [...all, some.length, yield* pool.call("math:sqrt", [4])]
    })
  )
  deepStrictEqual(letters, ["a", "b", "c", 100, 2])
})

test("survives a function that ends its process", async () => {
  const [error, value] = await withPool((pool) =>
    Effect.all([Effect.flip(pool.call("os:_exit", [3])), pool.call("math:sqrt", [9])])
  )
  deepStrictEqual([error._tag, value], ["WorkerLost", 3])
})
