/**
 * What an event and its metrics cost when they are asked for, and that they cost nothing when not: the goal is a microsecond each. Alone, and in
 * a call through a whole pool, over a mock worker.
 */
import { MockWorker } from "@fireweed/test-kit/workers"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { bench } from "../../../scripts/bench/bench.ts"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import * as Listeners from "../src/internal/Listeners.ts"
import * as Metrics from "../src/internal/metrics.ts"
import type { CallEnded, PoolEvent } from "../src/PoolEvent.ts"
import { mocked } from "./subjects.ts"
import { spin, spinning } from "./time.ts"

const ended = (took: number): CallEnded => ({
  _tag: "CallEnded",
  target: "app:f",
  outcome: "success",
  error: undefined,
  worker: "1.1",
  attempts: 1,
  waited: 0,
  took
})

const published = (name: string, taps: ReadonlyArray<(event: PoolEvent) => void>): Subject => {
  const listeners = Listeners.make(taps)
  return {
    name,
    run: (n) => {
      for (let index = 0; index < n; index++) listeners.publish(() => ended(index % 100))
    }
  }
}

/** The worker is busy, it is ready again, the call has ended. */
const EVENTS_A_CALL = 3

const connect = MockWorker.connect({ "app:echo": (value: unknown) => value })

/** One call after the other, and then something else. */
const calls =
  (step: () => void = () => {}) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
    let left = n
    return Effect.whileLoop({ while: () => left-- > 0, body: () => pool.call("app:echo", [16]), step })
  }

/** One that takes all events, as they come, while the calls are made. */
const watched = (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> =>
  Effect.scoped(
    Effect.andThen(
      Effect.forkScoped(Stream.runDrain(pool.events), { startImmediately: true }),
      calls()(pool, n)
    )
  )

const seen = (name: string, subject: Subject): Case => ({
  name,
  unit: "us/call",
  baseline: mocked(
    `pool.call, and ${EVENTS_A_CALL} us`,
    calls(() => spin(EVENTS_A_CALL)),
    { size: 1, connect }
  ),
  subject,
  peers: [mocked("seen by nobody", calls(), { size: 1, connect })],
  goal: { ratio: 1 }
})

export default bench([
  {
    name: "an event that nobody wants",
    unit: "ns/op",
    baseline: spinning(1),
    subject: published("publish", []),
    goal: { ratio: 0.1 }
  },
  {
    name: "an event, told to one listener",
    unit: "ns/op",
    baseline: spinning(1),
    subject: published("publish", [() => {}]),
    goal: { ratio: 1 }
  },
  {
    name: "an event and its three metrics",
    unit: "ns/op",
    baseline: spinning(1),
    subject: published("publish and count", [Metrics.make("bench", Context.empty()).count]),
    goal: { ratio: 1 }
  },
  seen("a call, its three events to one listener", mocked("pool.call", watched, { size: 1, connect })),
  seen(
    "a call, its three events kept as history",
    mocked("pool.call", calls(), { size: 1, connect, history: 1_000 })
  ),
  seen("a call, counted by metrics", mocked("pool.call", calls(), { size: 1, connect, metrics: true }))
])
