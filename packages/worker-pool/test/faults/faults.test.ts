/** Every fault of the catalogue: the error that the caller sees, what becomes of the worker, and a neighbour that does not notice. */
import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { noLeaks, withFixture } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { calls } from "./catalogue.ts"
import * as Court from "./judge.ts"
import { start } from "./start.ts"

noLeaks()

/** Faults under way at any time; the runner has its own limit, which is the same. */
const WIDTH = 5
/** In milliseconds; for a machine that does much else. */
const LIMIT = 60_000

const court = withFixture(
  Effect.flatMap(Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env }), (python) =>
    Court.make(WIDTH, python)
  ),
  { per: "file" }
)

for (const { faults, name } of calls) {
  describe.concurrent(`faults: ${name}`, () => {
    for (const fault of faults) it.live(fault.name, () => court().judge(fault), LIMIT)
  })
}

describe.concurrent(`faults: ${start.name}`, () => {
  for (const fault of start.faults) it.live(fault.name, () => court().judgeStart(fault), LIMIT)
})

afterAll(async () => {
  const { answered, failures } = court().neighbour
  // It has answered more by far, unless few of the faults were asked for.
  await vi.waitUntil(() => answered() >= 2_000 || failures.length > 0, { timeout: LIMIT })
  assert.deepStrictEqual(failures, [])
}, LIMIT)
