import { assert, it } from "@effect/vitest"
import { CallError } from "@fireweed/worker-pool"
import * as Decision from "../src/recovery/Decision.ts"

const end = { reason: "exit", exitCode: 1, signal: null, detail: "exited with status 1", stderr: "" } as const

it("D52 a worker that served is replaced at once, and the history is forgotten", () => {
  assert.deepStrictEqual(Decision.decide({ _tag: "Ended", end, served: 3 }, 7), { delay: 0, fruitless: 0 })
})

it("fruitless lives in a row are replaced later and later, up to a bound", () => {
  const error = new CallError.StartError({ reason: "exited", interpreter: "python3", detail: "", stderr: "" })
  const delays: Array<number> = []
  let fruitless = 0
  for (let life = 0; life < 12; life++) {
    const action = Decision.decide(
      life % 2 === 0 ? { _tag: "Ended", end, served: 0 } : { _tag: "NotStarted", error },
      fruitless
    )
    fruitless = action.fruitless
    delays.push(action.delay)
  }
  assert.deepStrictEqual(delays, [0, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
})
