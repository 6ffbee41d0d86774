/** Faults as tests. */
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { noLeaks, withFixture } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import type { Fault, Section, StartFault } from "./Fault.ts"
import * as Court from "./judge.ts"

/** Faults under way at any time; the runner has its own limit, which is the same. */
const WIDTH = 5
/** In milliseconds; for a machine that does much else. */
const LIMIT = 60_000

/** Each fault becomes a test, in a file of their own; and the neighbour answers some thousands of calls, all of them right. */
export const strike = (options: {
  /** What the titles begin with. */
  readonly name: string
  readonly pool: WorkerPool.Options
  readonly calls: ReadonlyArray<Section<Fault>>
  readonly starts: ReadonlyArray<Section<StartFault>>
}): void => {
  noLeaks()

  const court = withFixture(
    Effect.flatMap(Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env }), (python) =>
      Court.make(WIDTH, python, options.pool)
    ),
    { per: "file" }
  )

  for (const { faults, name } of options.calls) {
    describe.concurrent(`${options.name}: ${name}`, () => {
      for (const fault of faults) it.live(fault.name, () => court().judge(fault), LIMIT)
    })
  }

  for (const { faults, name } of options.starts) {
    describe.concurrent(`${options.name}: ${name}`, () => {
      for (const fault of faults) it.live(fault.name, () => court().judgeStart(fault), LIMIT)
    })
  }

  afterAll(async () => {
    const { answered, failures } = court().neighbour
    // It has answered more by far, unless few of the faults were asked for.
    await vi.waitUntil(() => answered() >= 2_000 || failures.length > 0, { timeout: LIMIT })
    assert.deepStrictEqual(failures, [])
  }, LIMIT)
}
