import { assert, it } from "@effect/vitest"
import * as ChunkSize from "../../src/pool/ChunkSize.ts"

const after = (size: number, ...tooks: ReadonlyArray<number>): number =>
  tooks.reduce((current, perItem) => ChunkSize.next(current, current, current * perItem), size)

it("grows fourfold at most, to what takes as long as it shall", () => {
  assert.strictEqual(ChunkSize.next(1, 1, 0.01), 4)
  assert.strictEqual(ChunkSize.next(4, 4, 0.04), 16)
  assert.strictEqual(ChunkSize.next(400, 400, 4), 500)
  assert.strictEqual(after(1, 0.01, 0.01, 0.01, 0.01, 0.01), 500)
})

it("shrinks at once when items take longer", () => {
  assert.strictEqual(ChunkSize.next(500, 500, 5_000), 1)
  assert.strictEqual(ChunkSize.next(500, 500, 50), 50)
})

it("is one where an item takes long, and never more than the most", () => {
  assert.strictEqual(after(1, 60_000, 60_000), 1)
  assert.strictEqual(after(1, 0, 0, 0, 0, 0, 0, 0, 0), ChunkSize.MOST)
})

it("learns from a chunk that had fewer items, and does not shrink for it", () => {
  assert.strictEqual(ChunkSize.next(100, 1, 0.01), 400)
  assert.strictEqual(ChunkSize.next(100, 10, 1), 50)
})
