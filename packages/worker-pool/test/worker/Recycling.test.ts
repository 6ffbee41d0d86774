import { assert, it } from "@effect/vitest"
import * as Recycling from "../../src/worker/Recycling.ts"

const OFF: Recycling.Limits = { dirty: false, minLife: 1_000 }
const LIFE: Recycling.Life = { served: 10, age: 5_000, memory: 1_000, dirty: true }

const reasons = (limits: Partial<Recycling.Limits>, life: Partial<Recycling.Life> = {}) =>
  Recycling.reason({ ...LIFE, ...life }, { ...OFF, ...limits })

it("a limit that is reached is the reason, and none that is not set", () => {
  assert.isUndefined(reasons({}))
  assert.deepStrictEqual([reasons({ calls: 10 }), reasons({ calls: 11 })], ["calls", undefined])
  assert.deepStrictEqual([reasons({ age: 5_000 }), reasons({ age: 5_001 })], ["age", undefined])
  assert.deepStrictEqual([reasons({ memory: 1_000 }), reasons({ memory: 1_001 })], ["memory", undefined])
  assert.isUndefined(reasons({ memory: 1 }, { memory: undefined }), "it is not known on every system")
  assert.deepStrictEqual(
    [reasons({ dirty: true }), reasons({ dirty: true }, { dirty: false })],
    ["dirty", undefined]
  )
})

it("no worker goes before it has lived for a while", () => {
  const limits = { ...OFF, calls: 1, age: 1, memory: 1, dirty: true }
  assert.isUndefined(Recycling.reason({ ...LIFE, age: 999 }, limits))
  assert.strictEqual(Recycling.reason({ ...LIFE, age: 1_000 }, limits), "calls")
})

it("is off when no limit is set", () => {
  assert.isTrue(Recycling.isOff(OFF))
  for (const limit of [{ calls: 1 }, { age: 1 }, { memory: 1 }, { dirty: true }])
    assert.isFalse(Recycling.isOff({ ...OFF, ...limit }))
})
