import { assert, describe, it } from "@effect/vitest"
import * as Reentry from "../../src/pool/Reentry.ts"

const [a, b, other] = [{ id: "1.1" }, { id: "2.1" }, { id: "1.1" }]

const pool = (size: number, concurrency = 1) => ({
  size,
  concurrency,
  has: (worker: Reentry.Place) => worker === a || worker === b
})

/** The calls that wait, the outermost first. */
const chain = (
  ...calls: ReadonlyArray<readonly [worker: Reentry.Place, session?: Reentry.Lane]>
): Reentry.Waiting => {
  const waiting = calls.reduce<Reentry.Waiting | undefined>(
    (outer, [worker, session]) => Reentry.enter(worker, session, outer),
    undefined
  )
  return waiting ?? assert.fail("at least one call waits")
}

describe("a call from a callback that any worker may take", () => {
  it("is refused when those that wait for it hold every place", () => {
    assert.isUndefined(Reentry.refusal(chain([a]), undefined, pool(2)))
    assert.include(Reentry.refusal(chain([a]), undefined, pool(1)), "every worker")
    assert.include(Reentry.refusal(chain([a], [b]), undefined, pool(2)), "every worker")
  })

  it("finds a place where a worker runs several calls", () => {
    assert.isUndefined(Reentry.refusal(chain([a]), undefined, pool(1, 2)))
    assert.isString(Reentry.refusal(chain([a], [a]), undefined, pool(1, 2)))
  })

  it("is not kept from a pool by the worker of another, whatever its name", () => {
    assert.isUndefined(Reentry.refusal(chain([other]), undefined, pool(1)))
    assert.isString(Reentry.refusal(chain([a], [other]), undefined, pool(1)))
  })
})

describe("a call from a callback in a session", () => {
  const [mine, yours, elsewhere] = [{ worker: a }, { worker: a }, { worker: b }]

  it("is refused when its worker waits, whoever else does not", () => {
    assert.include(Reentry.refusal(chain([a]), mine, pool(2)), "worker 1.1 waits for")
    assert.isUndefined(Reentry.refusal(chain([a]), elsewhere, pool(2)))
    assert.isString(Reentry.refusal(chain([a], [b]), mine, pool(8)))
  })

  it("is refused when a call of the same session waits, wherever there is room", () => {
    assert.include(Reentry.refusal(chain([a, mine]), mine, pool(1, 64)), "the same session")
    assert.isUndefined(Reentry.refusal(chain([a, mine]), yours, pool(1, 64)))
    assert.isString(Reentry.refusal(chain([a, mine], [a, yours]), mine, pool(1, 64)))
  })
})

const deep = (depth: number) => chain(...Array.from({ length: depth }, () => [a] as const))

it("callbacks within callbacks come to an end", () => {
  assert.isUndefined(Reentry.refusal(deep(Reentry.MAX_DEPTH - 1), undefined, pool(1, 1_000)))
  assert.include(
    Reentry.refusal(deep(Reentry.MAX_DEPTH), undefined, pool(1, 1_000)),
    "within 31 other callbacks"
  )
})
