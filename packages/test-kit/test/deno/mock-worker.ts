import { deepStrictEqual, strictEqual } from "node:assert"
import { test } from "node:test"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"

test("a pool of mock workers comes up, serves, survives a crash and goes down", async () => {
  const mock = MockWorker.make({
    "math:sqrt": (x: number) => Math.sqrt(x),
    "app:flaky": Behaviour.inTurn([Behaviour.garbage(), Behaviour.reply("well")])
  })
  const program = Effect.gen(function* () {
    const pool = yield* WorkerPool.make({ size: 8, connect: mock.connect })
    const error = yield* Effect.flip(pool.call("app:flaky"))
    return [yield* pool.call("math:sqrt", [16]), error._tag, yield* pool.call("app:flaky")]
  })
  deepStrictEqual(await Effect.runPromise(Effect.scoped(program)), [4, "WorkerLost", "well"])
  strictEqual(mock.processes().length, 0)
})
