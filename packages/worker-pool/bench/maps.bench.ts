/**
 * What an item of a map costs, of a function that costs nothing: here, in lines of JSON put together by hand, and in Python's own pool, each
 * with one worker. The goal is 1 us, which is what the lines of JSON take.
 */
import { bench } from "../../../scripts/bench/bench.ts"
import { jsonBatches, mapped, pooled, withinPython } from "./subjects.ts"

/** So that a chunk grows to its size. */
const atLeast = 20_000
const baseline = { ...jsonBatches("1,000 in a line of JSON"), atLeast }
const peers = [
  { ...withinPython("multiprocessing imap(chunksize=1000)", "multiprocessing_imap"), atLeast },
  { ...withinPython("multiprocessing map(chunksize=1000)", "multiprocessing_map"), atLeast }
]

export default bench(
  [
    {
      name: "map, chunks by time",
      unit: "us/item",
      baseline,
      peers,
      subject: { ...pooled("pool.map", mapped()), atLeast },
      goal: { ratio: 1 }
    },
    {
      name: "map, chunks of 1,000",
      unit: "us/item",
      baseline,
      peers,
      subject: { ...pooled("pool.map", mapped({ chunk: 1_000 })), atLeast },
      goal: { ratio: 1 }
    }
  ],
  { pinned: true }
)
