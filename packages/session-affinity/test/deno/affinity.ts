import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { test } from "node:test"

test("a key stays where it is until its target goes", async () => {
  const program = Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ mode: "rebind" })
    yield* affinity.add("worker-1")
    yield* affinity.add("worker-2")
    const first = yield* affinity.resolve("user-42")
    assert.deepEqual(yield* affinity.resolve("user-42"), first)
    assert.deepEqual(yield* affinity.remove(first.target), ["user-42"])
    const second = yield* affinity.withTarget("user-42", Effect.succeed)
    assert.notEqual(second.target, first.target)
    assert.ok(second.epoch > first.epoch)
  })
  await Effect.runPromise(Effect.scoped(program))
})

test("bindings expire in real time, and leaving the scope lets the process end", async () => {
  const program = Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ expireAfter: "20 millis" })
    yield* affinity.add("worker-1")
    yield* affinity.resolve("user-42")
    yield* Effect.sleep("100 millis")
    return yield* affinity.stats
  })
  const stats = await Effect.runPromise(Effect.scoped(program))
  assert.equal(stats.bindings, 0)
  assert.equal(stats.expired, 1)
})
