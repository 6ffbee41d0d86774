import { deepStrictEqual, strictEqual } from "node:assert"
import { test } from "node:test"
import { Backoff, Retry } from "@fireweed/retry"
import * as Effect from "effect/Effect"

test("retries until it succeeds", async () => {
  let calls = 0
  const flaky = Effect.suspend(() => (++calls < 3 ? Effect.fail("not yet") : Effect.succeed("done")))
  const policy = Retry.make({ backoff: Backoff.constant("1 milli") })
  strictEqual(await Effect.runPromise(Retry.run(flaky, policy)), "done")
  strictEqual(calls, 3)
})

test("gives up with the history", async () => {
  const policy = Retry.make({ retries: 1, backoff: Backoff.constant("1 milli") })
  const error = await Effect.runPromise(Effect.flip(Retry.run(Effect.fail("no"), policy)))
  strictEqual(error instanceof Retry.RetryExhausted, true)
  if (error instanceof Retry.RetryExhausted) deepStrictEqual([error.reason, error.count], ["attempts", 2])
})
