import { assert, describe, it } from "@effect/vitest"
import { CallError } from "@fireweed/worker-pool"
import * as Decision from "../src/recovery/Decision.ts"
import type { End } from "../src/transport/Transport.ts"

const ended = (reason: End["reason"], served: number): Decision.Failure => ({
  _tag: "Ended",
  end: { reason, exitCode: 1, signal: null, detail: "exited with status 1", stderr: "" },
  served
})
const notStarted = (reason: CallError.StartError["reason"]): Decision.Failure => ({
  _tag: "NotStarted",
  error: new CallError.StartError({ reason, interpreter: "python3", detail: "", stderr: "" })
})

const first: Decision.History = { fruitless: 0, isTaken: false, isNeeded: true }
const seventh: Decision.History = { ...first, fruitless: 6 }
const LEAVE: Decision.Action = { _tag: "Leave" }
const replace = (delay: number, fruitless: number): Decision.Action => ({ _tag: "Replace", delay, fruitless })

describe("D52 one function decides what follows from a failure, whatever failed", () => {
  const table: ReadonlyArray<
    readonly [string, Decision.Failure, onFirst: Decision.Action, onSeventh: Decision.Action]
  > = [
    ["died in a call, having served", ended("exit", 3), replace(0, 0), replace(0, 0)],
    ["was killed for not answering, having served", ended("signal", 1), replace(0, 0), replace(0, 0)],
    ["broke the protocol, having served", ended("violation", 1), replace(0, 0), replace(0, 0)],
    ["died idle, or in its first call", ended("exit", 0), replace(0, 1), replace(1_600, 7)],
    ["closed its pipes before it served", ended("eof", 0), replace(0, 1), replace(1_600, 7)],
    ["did not start", notStarted("exited"), replace(0, 1), replace(1_600, 7)],
    ["was not ready in time", notStarted("timeout"), replace(0, 1), replace(1_600, 7)],
    ["failed at what all were told", notStarted("replay"), replace(0, 1), replace(1_600, 7)],
    ["had its start cancelled", notStarted("cancelled"), replace(0, 1), replace(1_600, 7)]
  ]
  for (const [name, failure, onFirst, onSeventh] of table)
    it(`a worker that ${name}`, () => {
      assert.deepStrictEqual(Decision.decide(failure, first), onFirst)
      assert.deepStrictEqual(Decision.decide(failure, seventh), onSeventh)
      assert.deepStrictEqual(
        Decision.decide(failure, { ...seventh, isTaken: true }),
        LEAVE,
        "there is another"
      )
      assert.deepStrictEqual(Decision.decide(failure, { ...first, isNeeded: false }), LEAVE, "none is needed")
    })

  it("fruitless lives in a row are replaced later and later, up to a bound", () => {
    const delays: Array<number> = []
    let history = first
    for (let life = 0; life < 12; life++) {
      const action = Decision.decide(life % 2 === 0 ? ended("exit", 0) : notStarted("exited"), history)
      if (action._tag === "Leave") assert.fail("it is needed")
      else {
        history = { ...history, fruitless: action.fruitless }
        delays.push(action.delay)
      }
    }
    assert.deepStrictEqual(delays, [0, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
  })
})
