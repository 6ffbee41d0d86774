/**
 * What it costs to put a call in order, while so many others wait: three keys, four priorities. The baseline is the same with ten waiting, so
 * the ratio tells how the cost grows.
 */
import { bench } from "../../../scripts/bench/bench.ts"
import type { Subject } from "../../../scripts/bench/bench.ts"
import * as FairQueue from "../src/pool/FairQueue.ts"

const KEYS = ["a", "b", "c"] as const

/** One call comes, and one goes. */
const waiting = (depth: number): Subject => {
  const queue = FairQueue.make<number>()
  const group = FairQueue.group<number>()
  let order = 0
  const add = (): void => {
    const key = KEYS[order % KEYS.length]
    FairQueue.add(queue, group, { value: order, key, priority: order % 4, arrivedAt: order, order }, order)
    order++
  }
  return {
    name: `${depth.toLocaleString("en")} wait`,
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

export default bench(
  [1_000, 10_000, 100_000].map((depth) => ({
    name: `a call in order, ${depth.toLocaleString("en")} waiting`,
    unit: "ns/op",
    baseline: waiting(10),
    subject: waiting(depth)
  }))
)
