/** Real workers under a plan of faults; what mock workers do under one is in `@fireweed/test-kit`. */
import { assert, it } from "@effect/vitest"
import type { Faults } from "@fireweed/test-kit"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { Chaos } from "@fireweed/test-kit/workers"
import { Process } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { fixtures } from "../support.ts"

noLeaks()

const plan: Faults.Plan = {
  seed: 5,
  rules: [
    { at: "send:CALL", fault: { _tag: "Kill" }, when: { chance: 0.03 } },
    { at: "send:CALL", fault: { _tag: "Stop", duration: "100 millis" }, when: { chance: 0.03 } },
    { at: "receive:RESULT", fault: { _tag: "Corrupt" }, when: { chance: 0.02 } },
    { at: "receive:RESULT", fault: { _tag: "Slow", duration: "20 millis" }, when: { chance: 0.03 } },
    { at: "send:CALL", fault: { _tag: "Starve" }, when: { chance: 0.005 } }
  ]
}

it.live(
  "killed, stopped, starved and corrupted: each call ends once, sessions keep their word, the pool is whole again",
  () =>
    Effect.gen(function* () {
      const interpreter = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      const report = yield* Chaos.run({
        plan,
        connect: Process.connect({ interpreter, cwd: process.cwd(), env: {}, maxFrame: 2 ** 30 }),
        pool: {
          size: 3,
          pythonPath: [fixtures],
          output: "ignore",
          crashLoop: { deaths: 1_000 },
          heartbeat: { interval: "100 millis", killAfter: "500 millis" }
        },
        calls: 150,
        load: (pool, index) =>
          index % 10 === 0
            ? Chaos.countingSession(pool, {
                key: `s${index}`,
                target: "sample:Counter",
                method: "add",
                calls: 5
              })
            : index % 10 === 5
              ? Chaos.survivingSession(pool, {
                  key: `s${index}`,
                  target: "saving:Ledger",
                  method: "add",
                  calls: 5
                })
              : pool.call("operator:add", [index, 1], { idempotent: index % 2 === 0 })
      })
      assert.isAbove(report.ends["ok"] ?? 0, 75)
      assert.isAbove(report.strikes.filter(({ fault }) => fault === "Kill").length, 0)
      assert.isAbove(report.strikes.filter(({ fault }) => fault === "Stop").length, 0)
    }),
  60_000
)
