/** What an event and its metrics cost when they are asked for, and that they cost nothing when not: the goal is a microsecond each. */
import * as Context from "effect/Context"
import { bench } from "../../../scripts/bench/bench.ts"
import type { Subject } from "../../../scripts/bench/bench.ts"
import * as Listeners from "../src/internal/Listeners.ts"
import * as Metrics from "../src/internal/metrics.ts"
import type { CallEnded, PoolEvent } from "../src/PoolEvent.ts"

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

const nothing: Subject = {
  name: "a microsecond, in a loop",
  run: (n) => {
    for (let index = 0; index < n; index++) {
      const until = performance.now() + 0.001
      while (performance.now() < until);
    }
  }
}

const published = (name: string, taps: ReadonlyArray<(event: PoolEvent) => void>): Subject => {
  const listeners = Listeners.make(taps)
  return {
    name,
    run: (n) => {
      for (let index = 0; index < n; index++) listeners.publish(() => ended(index % 100))
    }
  }
}

export default bench([
  {
    name: "an event that nobody wants",
    unit: "ns/op",
    baseline: nothing,
    subject: published("publish", []),
    goal: { ratio: 0.1 }
  },
  {
    name: "an event, told to one listener",
    unit: "ns/op",
    baseline: nothing,
    subject: published("publish", [() => {}]),
    goal: { ratio: 1 }
  },
  {
    name: "an event and its three metrics",
    unit: "ns/op",
    baseline: nothing,
    subject: published("publish and count", [Metrics.make("bench", Context.empty()).count]),
    goal: { ratio: 1 }
  }
])
