import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import * as Storm from "./storm.ts"

noLeaks()

it.live(
  "calls cancelled at any moment: no wrong answer, one terminal frame each, and nothing is left of them",
  () =>
    Effect.gen(function* () {
      const python = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      const figures = yield* Storm.run({ calls: 600, seed: "fireweed", python })
      assert.deepStrictEqual(figures.wrong, [])
      assert.deepStrictEqual(figures.leaks, [])
      assert.deepStrictEqual(
        { unbalanced: figures.unbalanced, lost: figures.lost },
        { unbalanced: 0, lost: 0 }
      )
      assert.strictEqual(figures.answered + figures.cancelled, 600)
      // Both happen, whatever the machine.
      assert.isAbove(figures.answered, 100)
      assert.isAbove(figures.cancels, 30)
    }),
  60_000
)
