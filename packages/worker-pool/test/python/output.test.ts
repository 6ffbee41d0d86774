import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { pool } from "../support.ts"

noLeaks()

it.live(
  "100 MiB on standard error: the call is served, what the log cannot take is counted, the last lines are kept",
  () =>
    Effect.gen(function* () {
      let logged = 0
      let dropped = 0
      const count = Logger.make(({ message }) => {
        const said = /^(\d+) lines of workers' output were dropped$/.exec(String(message))
        if (said === null) logged++
        else dropped += Number(said[1])
      })
      yield* Effect.gen(function* () {
        const workers = yield* pool({ output: "log" })
        const lines = yield* workers.call("sample:flood", [100])
        assert.strictEqual(lines, 100 * 2 ** 14)
        const error = yield* Effect.flip(workers.call("sample:die", [3]))
        if (error._tag !== "WorkerLost") throw error
        assert.isAtMost(error.stderr.length, 64 * 1_024)
        const last = String(100 * 2 ** 14 - 1).padStart(63, "0")
        assert.isTrue(error.stderr.endsWith(`${last}\nlast words`))
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([count])))
      assert.isAbove(dropped, 0)
      assert.strictEqual(logged + dropped, 100 * 2 ** 14 + 1)
    }),
  60_000
)
