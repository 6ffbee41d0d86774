/**
 * What an item of a stream costs: its share of the wire, of the credits and of Effect's `Stream`. 80,000 items a second are 12.5 us each.
 */
import { bench } from "../../../scripts/bench/bench.ts"
import { jsonItems, pooled, streamed } from "./subjects.ts"

export default bench(
  [1, 64, 1_024].map((credit) => ({
    name: `stream, credit ${credit}`,
    unit: "us/item",
    baseline: jsonItems("lines of JSON, unbounded"),
    subject: pooled("pool.stream", streamed(credit))
  })),
  { pinned: true }
)
