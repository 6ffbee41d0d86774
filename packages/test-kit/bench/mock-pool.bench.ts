/**
 * What a test pays for a pool, and for a call, when there is no Python. The baseline of the first is the least that a test with a child
 * process pays; eight workers should come and go in less than 20 ms.
 */
import { MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import type { Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"

const mock = MockWorker.make({ "app:echo": (x: unknown) => x })

const upAndDown = async (n: number): Promise<void> => {
  for (let index = 0; index < n; index++) {
    await Effect.runPromise(
      Effect.scoped(WorkerPool.make({ size: 8, output: "ignore", connect: mock.connect }))
    )
  }
}

const calls = (): Subject => {
  const scope = Scope.makeUnsafe()
  let pool: WorkerPool.WorkerPool | undefined
  return {
    name: "pool.call to a mock worker",
    setup: async () => {
      pool = await Effect.runPromise(
        Scope.provide(
          WorkerPool.make({
            size: 1,
            output: "ignore",
            connect: MockWorker.connect({ "app:echo": (x: unknown) => x })
          }),
          scope
        )
      )
    },
    run: async (n) => {
      if (pool === undefined) return
      const call = pool.call("app:echo", [16])
      let left = n
      await Effect.runPromise(Effect.whileLoop({ while: () => left-- > 0, body: () => call, step: () => {} }))
    },
    teardown: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export default bench([
  {
    name: "pool of 8, up and down",
    unit: "ms/pool",
    baseline: {
      name: "one process that does nothing",
      run: (n) => {
        for (let index = 0; index < n; index++) spawnSync("true")
      }
    },
    subject: { name: "WorkerPool.make with mock workers", run: upAndDown },
    goal: { ratio: 5 }
  },
  {
    name: "call",
    unit: "us/call",
    baseline: {
      name: "there and back by microtasks",
      run: async (n) => {
        const effect = Effect.callback<void>((resume) => {
          queueMicrotask(() => queueMicrotask(() => resume(Effect.void)))
        })
        let left = n
        await Effect.runPromise(
          Effect.whileLoop({ while: () => left-- > 0, body: () => effect, step: () => {} })
        )
      }
    },
    subject: calls()
  }
])
