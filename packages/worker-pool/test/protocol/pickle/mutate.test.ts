import { assert, it } from "@effect/vitest"
import { mutate } from "./mutate.ts"
import { decode } from "./subject.ts"
import { chance } from "./values.ts"
import { vectors } from "./vectors.ts"

it("30 000 pickles gone wrong are values or violations, each in bounded time", () => {
  const random = chance(3)
  const metas = vectors.map(({ meta }) => meta).filter(({ length }) => length < 400)
  let values = 0
  for (let round = 0; round < 30_000; round++) {
    const vector = vectors[Math.floor(random() * vectors.length)]
    if (vector === undefined) continue
    const meta = mutate(vector.meta, metas, random)
    const before = performance.now()
    const read = decode(meta, vector.buffers)
    const took = performance.now() - before
    if (took > 500) assert.fail(`round ${round}: ${took} ms for ${meta.length} bytes`)
    if ("value" in read) values++
    else assert.strictEqual(read._tag, "ProtocolViolation")
  }
  // The mutations are no mere noise: some make another good pickle.
  assert.isTrue(values > 300 && values < 15_000, `${values} values`)
})
