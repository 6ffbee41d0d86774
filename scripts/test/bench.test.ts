import { assert, describe, it } from "@effect/vitest"
import { bench, type Case } from "../bench/bench.ts"
import { isSane, measure, smokePlan, summarise, visitingOrder } from "../bench/measure.ts"
import { quartiles } from "../bench/statistics.ts"
import { table } from "../bench/table.ts"

let sink = 0
const loop = (n: number): void => {
  for (let i = 0; i < n; i++) sink = (sink * 31 + i) | 0
}
const turns = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
}
const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
const case_: Case = {
  name: "case",
  unit: "us/op",
  baseline: { name: "base", run: loop },
  subject: { name: "ours", run: loop },
  peers: [{ name: "peer", run: loop }]
}

describe("statistics", () => {
  it("quartiles interpolate between ranks, whatever the order of the sample", () => {
    assert.deepStrictEqual(quartiles([4, 1, 3, 2]), { q1: 1.75, median: 2.5, q3: 3.25 })
    assert.deepStrictEqual(quartiles([7]), { q1: 7, median: 7, q3: 7 })
  })
})

describe("measure", () => {
  it("the order of visits changes, and in six rounds each of three is first twice", () => {
    const first = [0, 1, 2, 3, 4, 5].map((round) => visitingOrder(["a", "b", "c"], round)[0])
    assert.deepStrictEqual(
      first.toSorted((a = "", b = "") => a.localeCompare(b)),
      ["a", "a", "b", "b", "c", "c"]
    )
    assert.deepStrictEqual(visitingOrder(["a", "b"], 0), ["a", "b"])
    assert.deepStrictEqual(visitingOrder(["a", "b"], 1), ["b", "a"])
  })

  it("what a visit leaves open is closed before the next, in time that does not count", async () => {
    let open = 0
    const found = new Set<number>()
    const subject = {
      name: "ours",
      run: (n: number) => {
        found.add(open)
        open += n
        loop(n)
      },
      tidy: async () => {
        open = 0
        await pause(100)
      }
    }
    const result = await measure({ ...case_, peers: [], unit: "ms/op", subject }, smokePlan)
    assert.deepStrictEqual([...found, open], [0, 0])
    assert.isBelow(result.value, 100)
  })

  it("the ratio is the median of the rounds' own ratios, so a slow round that hits all alike does not move it", () => {
    const times = [
      [100, 100, 900],
      [200, 200, 1800],
      [300, 300, 2700]
    ]
    const result = summarise(case_, times, undefined)
    assert.strictEqual(result.ratio, 2)
    assert.strictEqual(result.value, 0.2)
    assert.strictEqual(result.baselineValue, 0.1)
    assert.deepStrictEqual(result.peers, [{ name: "peer", value: 0.3, ratio: 3 }])
  })

  it("D80 a goal exceeded in time or in bytes is a miss, and is printed as one", () => {
    const times = [[100], [250], [100]]
    assert.isTrue(summarise({ ...case_, goal: { ratio: 2.5 } }, times, 10).ok)
    const slow = summarise({ ...case_, goal: { ratio: 2.4 } }, times, 10)
    assert.isFalse(slow.ok)
    assert.isFalse(summarise({ ...case_, goal: { bytes: 9 } }, times, 10).ok)
    assert.include(table([slow], true), "MISS <= 2.4x")
    assert.notInclude(table([slow], false), "MISS")
  })

  it("figures that cannot be true are not sane", () => {
    assert.isTrue(isSane(summarise(case_, [[1], [1], [1]], undefined)))
    assert.isFalse(isSane(summarise(case_, [[1], [0], [1]], undefined)))
    assert.isFalse(isSane(summarise(case_, [[], [], []], undefined)))
  })

  it("all subjects are set up before any runs, and torn down in reverse, also when one fails", async () => {
    const log: Array<string> = []
    const subject = (name: string, fails: boolean) => ({
      name,
      setup: () => void log.push(`+${name}`),
      teardown: () => void log.push(`-${name}`),
      run: (n: number) => {
        if (fails) throw new Error("broken subject")
        if (log.at(-1) !== "run") log.push("run")
        loop(n)
      }
    })
    const failing = { ...case_, peers: [], baseline: subject("a", false), subject: subject("b", true) }
    const error = await measure(failing, smokePlan).catch((cause: unknown) => cause)
    assert.strictEqual(error instanceof Error ? error.message : "", "broken subject")
    assert.deepStrictEqual(log, ["+a", "+b", "run", "-b", "-a"])
  })

  it("a subject gets as many operations as it needs at the least, but not in a smoke", async () => {
    const asked = new Set<number>()
    const subject = {
      name: "ours",
      atLeast: 300,
      run: (n: number) => {
        asked.add(n)
        loop(n * 10_000)
      }
    }
    await measure({ ...case_, peers: [], subject }, { ...smokePlan, atScale: true })
    assert.deepStrictEqual([...asked], [300])
    asked.clear()
    await measure({ ...case_, peers: [], subject }, smokePlan)
    assert.isTrue(asked.has(1))
  })

  it("refuses a subject that does not loop, rather than asking it for more and more", async () => {
    const constant = {
      ...case_,
      peers: [],
      baseline: { name: "once", run: () => loop(1) },
      subject: { name: "once", run: () => loop(1) }
    }
    const error = await measure(constant, { ...smokePlan, visit: 1000 }).catch((cause: unknown) => cause)
    assert.include(String(error), '"once" takes no longer')
  })

  it("measures what is asynchronous, waiting for it", async () => {
    const suite = bench(async () => [{ ...case_, peers: [], subject: { name: "turns", run: turns } }])
    assert.isFalse(suite.pinned)
    for (const each of await suite.cases()) {
      const result = await measure(each, smokePlan)
      assert.isTrue(isSane(result))
      assert.isAbove(result.ratio, 1)
    }
  })
})
