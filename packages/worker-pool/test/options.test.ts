import { availableParallelism } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inspect } from "node:util"
import { decode } from "../src/internal/settings.ts"

describe("D66 options that make no sense are refused by name", () => {
  for (const [options, name] of [
    [{ sizes: 2 }, "sizes"],
    [{ size: 0 }, "size"],
    [{ size: 1.5 }, "size"],
    [{ size: { min: 1 } }, "max"],
    [{ size: { min: 0, max: 2 } }, "min"],
    [{ size: { min: 3, max: 2 } }, "size.min"],
    [{ size: { max: 2, idle: 1 } }, "idle"],
    [{ size: { max: 2, idleTimeout: 0 } }, "idleTimeout"],
    [{ python: "" }, "python"],
    [{ queue: { limit: -1 } }, "limit"],
    [{ queue: { timeot: 1 } }, "timeot"],
    [{ queue: { weights: { a: 0 } } }, "weights"],
    [{ queue: { weights: { "": 1 } } }, "weights"],
    [{ limits: { "app:f": 0 } }, "app:f"],
    [{ limits: { "app:f": 1.5 } }, "app:f"],
    [{ limits: { "app:f": Number.NaN } }, "app:f"],
    [{ limits: 2 }, "limits"],
    [{ maxBroadcasts: 0 }, "maxBroadcasts"],
    [{ startTimeout: "soon" }, "startTimeout"],
    [{ startTimeout: 0 }, "startTimeout"],
    [{ cancelGrace: "20 millis" }, "cancelGrace"],
    [{ crashLoop: { deaths: 0 } }, "deaths"],
    [{ recovery: { concurrency: 0 } }, "concurrency"],
    [{ recovery: { budget: { replace: 0 } } }, "replace"],
    [{ recovery: { budget: { failover: "1 second" } } }, "failover"],
    [{ maxFrame: 10 }, "maxFrame"],
    [{ output: "print" }, "output"],
    [{ codec: "xml" }, "codec"],
    [{ env: { A: 1 } }, "env"],
    [{ connect: "there" }, "connect"],
    [{ heartbeat: { interval: 0 } }, "heartbeat"],
    [{ heartbeat: { killAfter: 2_999 } }, "killAfter"],
    [{ memory: { limit: 1_000 } }, "memory"],
    [{ preload: "numpy" }, "preload"],
    [{ setup: { function: "a:b" } }, "setup"],
    [{ setup: { target: "a:b", args: [1n] } }, "setup"],
    [{ teardown: "" }, "teardown"],
    [{ strict: "yes" }, "strict"],
    [{ callbacks: { now: 1 } }, "now"],
    [{ logs: "verbose" }, "logs"],
    [{ name: "" }, "name"],
    [{ metrics: "yes" }, "metrics"],
    [{ spans: 1 }, "spans"],
    [{ history: -1 }, "history"]
  ] as const) {
    it(inspect(options), () => assert.throws(() => decode(options), TypeError, name))
  }

  it.effect("and the pool dies with that error before it starts anything", () =>
    Effect.gen(function* () {
      let started = 0
      const connect = () => Effect.die(started++)
      const exit = yield* Effect.exit(WorkerPool.make({ size: -1, connect }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual(started, 0)
    })
  )
})

it("D33 what is configured wins over what is built in, and is merged in depth", () => {
  const { crashLoop, queue, recovery } = decode({
    recovery: { budget: { replace: "2 seconds" } },
    queue: { weights: { a: 2 } },
    crashLoop: { deaths: 2 }
  })
  assert.deepStrictEqual(recovery, { concurrency: 10, budget: { replace: 2_000 } })
  assert.deepStrictEqual(queue, { limit: 1_000, timeout: 10_000, weights: { a: 2 } })
  assert.deepStrictEqual(crashLoop, { deaths: 2, pause: 10_000 })
})

it("D64 the defaults stand in one place", () => {
  assert.deepStrictEqual(decode({}), {
    name: "python",
    metrics: false,
    spans: false,
    history: 0,
    size: { min: 1, max: availableParallelism(), idleTimeout: 60_000, spare: 0 },
    threads: 1,
    reload: [],
    concurrency: 1,
    env: {},
    pythonPath: ["."],
    requires: [],
    preload: [],
    modules: [],
    strict: false,
    callbacks: {},
    logs: "warning",
    start: "auto",
    queue: { limit: 1_000, timeout: 10_000, weights: {} },
    limits: {},
    maxSessions: 10_000,
    maxBroadcasts: 100,
    sessions: {},
    startTimeout: 30_000,
    heartbeat: { interval: 1_000, idle: 10_000 },
    recycle: { dirty: false, minLife: 10_000 },
    memory: {},
    cancelGrace: 1_000,
    shutdownTimeout: 5_000,
    crashLoop: { deaths: 5, pause: 10_000 },
    recovery: { concurrency: 10, budget: {} },
    maxFrame: 1024 ** 3,
    codec: "pickle",
    output: "log",
    sweep: true
  })
})
