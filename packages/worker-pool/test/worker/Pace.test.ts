import { assert, describe, it } from "@effect/vitest"
import * as Pace from "../../src/worker/Pace.ts"

const after = (...milliseconds: ReadonlyArray<number>): number =>
  Pace.ahead(milliseconds.reduce(Pace.observe, Pace.unknown))

const quick = (count: number) => Array.from({ length: count }, () => 0.02)

describe("calls are sent ahead", () => {
  it("not to a worker that has answered nothing", () => assert.strictEqual(Pace.ahead(Pace.unknown), 0))

  it("as many as are answered in a moment, up to a limit", () => {
    assert.strictEqual(after(0.25), 4)
    assert.strictEqual(after(1), 1)
    assert.strictEqual(after(0.02), 50)
    assert.strictEqual(after(0), Pace.MOST)
  })

  it("not where a call takes longer than that", () => assert.strictEqual(after(1.01), 0))

  it("not for a while after a slow one", () => {
    assert.strictEqual(after(...quick(100), 1_000), 0)
    assert.strictEqual(after(...quick(100), 1_000, ...quick(20)), 0)
    assert.isAbove(after(...quick(100), 1_000, ...quick(60)), 10)
  })
})
