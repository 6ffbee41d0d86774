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

test("a call waits for a busy target in real time, and hooks carry the state", async () => {
  const program = Effect.gen(function* () {
    const carried: Array<string> = []
    const affinity = yield* SessionAffinity.make({
      busy: (target) => target.load >= 1,
      restoreState: ({ from, target }) => Effect.sync(() => carried.push(`${from} > ${target}`))
    })
    yield* affinity.add("worker-1")
    const call = affinity.withTarget("user-42", ({ target }) => Effect.as(Effect.sleep("10 millis"), target))
    assert.deepEqual(yield* Effect.all([call, call, call], { concurrency: "unbounded" }), [
      "worker-1",
      "worker-1",
      "worker-1"
    ])
    yield* affinity.remove("worker-1")
    yield* affinity.add("worker-2")
    assert.equal(yield* call, "worker-2")
    assert.deepEqual(carried, ["worker-1 > worker-2"])
  })
  await Effect.runPromise(Effect.scoped(program))
})
