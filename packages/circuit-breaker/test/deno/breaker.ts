import * as assert from "node:assert"
import { test } from "node:test"
import { CircuitBreaker } from "@fireweed/circuit-breaker"
import * as Effect from "effect/Effect"

test("opens after failures, rejects, and closes by hand", async () => {
  const breaker = await Effect.runPromise(CircuitBreaker.make({ name: "prices" }))
  const call = Effect.exit(breaker.run(Effect.fail("down")))
  for (let i = 0; i < 5; i++) await Effect.runPromise(call)
  const error = await Effect.runPromise(Effect.flip(breaker.run(Effect.succeed("ran"))))
  assert.ok(error instanceof CircuitBreaker.CircuitOpen)
  assert.ok(error instanceof Error)
  assert.match(error.message, /^Circuit "prices" is open \(5 calls failed in a row\)/)
  breaker.resetUnsafe()
  assert.strictEqual(await Effect.runPromise(breaker.run(Effect.succeed("ran"))), "ran")
})
