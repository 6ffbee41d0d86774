import { deepStrictEqual, rejects, strictEqual } from "node:assert"
import { test } from "node:test"
import { createPool, PythonError } from "@fireweed/worker-pool/promise"
import type { Pool } from "@fireweed/worker-pool/promise"

const withPool = async (use: (pool: Pool) => Promise<void>): Promise<void> => {
  const root = new URL("../fixtures/", import.meta.url)
  const pool = await createPool({ size: 1, output: "ignore", root, modules: ["./analysis.py"] })
  try {
    await use(pool)
  } finally {
    await pool.close()
  }
}

test("calls a file beside the program", () =>
  withPool(async (pool) => {
    strictEqual(await pool.call("analysis:score", [[1, 2, 3]], { kwargs: { weight: 2 } }), 12)
    strictEqual(await pool.call("./analysis.py:where"), "analysis")
    await rejects(pool.call("analysis:fail", ["bad row"]), PythonError)
  }))

test("leaves a stream, and a call", () =>
  withPool(async (pool) => {
    for await (const number of pool.stream<number>("analysis:count")) if (number === 100) break
    await rejects(pool.call("analysis:nap", [60], { signal: AbortSignal.timeout(100) }), {
      name: "TimeoutError"
    })
    deepStrictEqual((await pool.call<ReadonlyArray<string>>("analysis:take_closed"))[0], "count")
  }))

test("keeps a session", () =>
  withPool(async (pool) => {
    const tally = await pool.session("one", "analysis:Tally", [2])
    strictEqual(await tally.call("add", [1]), 3)
    await tally.close()
  }))
