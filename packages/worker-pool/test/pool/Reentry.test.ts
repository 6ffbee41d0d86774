import { assert, describe, it } from "@effect/vitest"
import * as Reentry from "../../src/pool/Reentry.ts"

const [a, b, other] = [{ id: "1.1" }, { id: "2.1" }, { id: "1.1" }]

const pool = (size: number, concurrency = 1) => ({
  size,
  concurrency,
  limitOf: (target: string) => (target === "app:few" ? 1 : Number.POSITIVE_INFINITY),
  has: (worker: Reentry.Place) => worker === a || worker === b
})

/** The calls that wait, the outermost first. */
const chain = (
  ...calls: ReadonlyArray<readonly [worker: Reentry.Place, session?: Reentry.Lane]>
): Reentry.Waiting => {
  const waiting = calls.reduce<Reentry.Waiting | undefined>(
    (outer, [worker, session]) => Reentry.enter(worker, session, "app:few", outer),
    undefined
  )
  return waiting ?? assert.fail("at least one call waits")
}

describe("a call from a callback that any worker may take", () => {
  it("is refused when those that wait for it hold every place", () => {
    assert.isUndefined(Reentry.refusal(chain([a]), undefined, "app:f", pool(2)))
    assert.include(Reentry.refusal(chain([a]), undefined, "app:f", pool(1)), "every worker")
    assert.include(Reentry.refusal(chain([a], [b]), undefined, "app:f", pool(2)), "every worker")
  })

  it("finds a place where a worker runs several calls", () => {
    assert.isUndefined(Reentry.refusal(chain([a]), undefined, "app:f", pool(1, 2)))
    assert.isString(Reentry.refusal(chain([a], [a]), undefined, "app:f", pool(1, 2)))
  })

  it("is refused when its function may not run beside those that wait", () => {
    assert.include(Reentry.refusal(chain([a]), undefined, "app:few", pool(2)), "limits")
    assert.isUndefined(Reentry.refusal(chain([other]), undefined, "app:few", pool(2)), "of another pool")
    assert.isUndefined(Reentry.refusal(chain([a, { worker: a }]), undefined, "app:few", pool(2)), "a method")
  })

  it("is not kept from a pool by the worker of another, whatever its name", () => {
    assert.isUndefined(Reentry.refusal(chain([other]), undefined, "app:f", pool(1)))
    assert.isString(Reentry.refusal(chain([a], [other]), undefined, "app:f", pool(1)))
  })
})

describe("a call from a callback in a session", () => {
  const [mine, yours, elsewhere] = [{ worker: a }, { worker: a }, { worker: b }]

  it("is refused when its worker waits, whoever else does not", () => {
    assert.include(Reentry.refusal(chain([a]), mine, "app:f", pool(2)), "worker 1.1 waits for")
    assert.isUndefined(Reentry.refusal(chain([a]), elsewhere, "app:f", pool(2)))
    assert.isString(Reentry.refusal(chain([a], [b]), mine, "app:f", pool(8)))
  })

  it("is refused when a call of the same session waits, wherever there is room", () => {
    assert.include(Reentry.refusal(chain([a, mine]), mine, "app:f", pool(1, 64)), "the same session")
    assert.isUndefined(Reentry.refusal(chain([a, mine]), yours, "app:f", pool(1, 64)))
    assert.isString(Reentry.refusal(chain([a, mine], [a, yours]), mine, "app:f", pool(1, 64)))
  })
})

const deep = (depth: number) => chain(...Array.from({ length: depth }, () => [a] as const))

it("callbacks within callbacks come to an end", () => {
  assert.isUndefined(Reentry.refusal(deep(Reentry.MAX_DEPTH - 1), undefined, "app:f", pool(1, 1_000)))
  assert.include(
    Reentry.refusal(deep(Reentry.MAX_DEPTH), undefined, "app:f", pool(1, 1_000)),
    "within 31 other callbacks"
  )
})
