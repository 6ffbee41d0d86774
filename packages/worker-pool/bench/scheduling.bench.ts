/**
 * What it costs to bring a call to a worker and its answer back, while so many others wait, and with so many workers: the whole pool, over mock
 * workers, whose own share is in it. The baselines are the same with ten calls, or one worker, so the ratios tell how the cost grows.
 */
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { bench } from "../../../scripts/bench/bench.ts"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import * as FairQueue from "../src/pool/FairQueue.ts"
import { genericPool, pQueue, piscina } from "./schedulers.ts"
import { inFlight, mocked } from "./subjects.ts"
import { spinning } from "./time.ts"

const WORKERS = 8
const TENANTS = ["a", "b", "c"] as const
/** Milliseconds that a call takes which takes its time. */
const LONG = 10

const connect = MockWorker.connect({
  "app:echo": (value: unknown) => value,
  "app:sleep": Behaviour.delay(LONG, Behaviour.reply(null))
})
const text = (count: number): string => count.toLocaleString("en")

/** Calls beside those that the workers have. */
const queued = (depth: number): Subject => ({
  ...mocked(`${text(depth)} queued`, inFlight(depth + WORKERS, "app:echo", [16]), { size: WORKERS, connect }),
  atLeast: depth
})

/** The same of three tenants, with four priorities. */
const mixed = (depth: number): Subject => ({
  ...mocked(
    `${text(depth)} queued, of three tenants`,
    (pool, n) =>
      Effect.forEach(
        Array.from({ length: n }, (_, index) => index),
        (index) => {
          const fairnessKey = TENANTS[index % TENANTS.length]
          return pool.call("app:echo", [16], { priority: index % 4, fairnessKey })
        },
        { concurrency: depth + WORKERS, discard: true }
      ),
    { size: WORKERS, connect }
  ),
  atLeast: depth
})

const workers = (size: number): Subject => ({
  ...mocked(`${size} workers`, inFlight(1_000, "app:echo", [16]), { size, connect }),
  atLeast: 1_000
})

/** Calls that take time, as many at once as there are workers. */
const long = (size: number): Case => ({
  name: `a call of ${LONG} ms, ${size} workers`,
  unit: "us/call",
  baseline: {
    name: `${size} fibers that sleep`,
    atLeast: 4 * size,
    run: (n) =>
      Effect.runPromise(
        Effect.forEach(Array.from({ length: n }), () => Effect.sleep(LONG), {
          concurrency: size,
          discard: true
        })
      )
  },
  subject: {
    ...mocked(`${size} workers`, inFlight(4 * size, "app:sleep", []), { size, connect }),
    atLeast: 4 * size
  },
  goal: { ratio: 1.25 }
})

const idle = (size: number): Effect.Effect<unknown, unknown, Scope.Scope> =>
  Effect.flatMap(WorkerPool.make({ size, output: "ignore", connect }), (pool) =>
    Effect.repeat(Effect.andThen(Effect.yieldNow, pool.snapshot), {
      until: ({ workers }) => workers.length === size
    })
  )

/** Workers that come and go, so many in a pool. */
const upAndDown = (size: number): Subject => ({
  name: `in a pool of ${size}`,
  atLeast: size,
  run: async (n) => {
    for (let left = n; left > 0; left -= size)
      await Effect.runPromise(Effect.scoped(idle(Math.min(left, size))))
  },
  retained: async (used) => {
    const kept = async (size: number): Promise<number> => {
      const scope = Scope.makeUnsafe()
      const before = used()
      await Effect.runPromise(Scope.provide(idle(size), scope))
      const after = used()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      return after - before
    }
    return ((await kept(size + 1)) - (await kept(1))) / size
  }
})

/** One call comes, and one goes: the order alone. */
const ordered = (depth: number): Subject => {
  const queue = FairQueue.make<number>()
  const group = FairQueue.group<number>()
  let order = 0
  const add = (): void => {
    const key = TENANTS[order % TENANTS.length]
    FairQueue.add(queue, group, { value: order, key, priority: order % 4, arrivedAt: order, order }, order)
    order++
  }
  return {
    name: `${text(depth)} wait`,
    setup: () => {
      while (group.size < depth) add()
    },
    run: (n) => {
      for (let call = 0; call < n; call++) {
        add()
        const first = FairQueue.first(group)
        if (first !== undefined) FairQueue.take(queue, first, order)
      }
    }
  }
}

export default bench([
  {
    name: "a call, 10,000 queued, at most 20 us",
    unit: "us/call",
    baseline: spinning(20),
    subject: queued(10_000),
    peers: [piscina(10_000), genericPool(10_000), pQueue(10_000)],
    goal: { ratio: 1 }
  },
  {
    name: "a call, 10 queued or 10,000",
    unit: "us/call",
    baseline: queued(10),
    subject: queued(10_000),
    peers: [queued(100), queued(1_000), queued(100_000)],
    goal: { ratio: 1.5 }
  },
  {
    name: "a call, 10,000 queued, of three tenants, with four priorities",
    unit: "us/call",
    baseline: queued(10_000),
    subject: mixed(10_000)
  },
  {
    name: "a call put in order, 100,000 waiting",
    unit: "ns/op",
    baseline: ordered(10),
    subject: ordered(100_000)
  },
  {
    name: "a call, 1,000 at once, 1 worker or 64",
    unit: "us/call",
    baseline: workers(1),
    subject: workers(64),
    peers: [workers(2), workers(8), workers(32)],
    goal: { ratio: 1.25 }
  },
  long(8),
  long(64),
  {
    name: "a worker up and down; what it keeps",
    unit: "us/worker",
    baseline: upAndDown(1),
    subject: upAndDown(64),
    goal: { bytes: 100 * 1_024 }
  }
])
