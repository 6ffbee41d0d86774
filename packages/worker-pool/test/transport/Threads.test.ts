import { assert, it } from "@effect/vitest"
import * as Threads from "../../src/transport/Threads.ts"

it("tells native libraries how many threads to use, unless they were told", () => {
  const one = Threads.environment(1, { OMP_NUM_THREADS: "8", PATH: "/bin" })
  assert.notProperty(one, "OMP_NUM_THREADS")
  assert.strictEqual(one["OPENBLAS_NUM_THREADS"], "1")
  assert.strictEqual(Object.keys(one).length, Threads.VARIABLES.length - 1)
  assert.deepStrictEqual(Threads.environment("all", {}), {})
})
