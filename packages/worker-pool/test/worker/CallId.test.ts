import { assert, it } from "@effect/vitest"
import * as CallId from "../../src/worker/CallId.ts"

const none = () => false

it("counts up, and around at 32 bits; 0 is never one", () => {
  assert.strictEqual(CallId.next(0, none), 1)
  assert.strictEqual(CallId.next(1, none), 2)
  assert.strictEqual(CallId.next(CallId.MAX - 1, none), 0xffff_ffff)
  assert.strictEqual(CallId.next(CallId.MAX, none), 1)
})

it("skips those that live, also around the end", () => {
  const live = new Set([CallId.MAX, 1, 2, 5])
  assert.strictEqual(
    CallId.next(CallId.MAX - 1, (id) => live.has(id)),
    3
  )
  assert.strictEqual(
    CallId.next(4, (id) => live.has(id)),
    6
  )
})
