import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Backoff from "../src/Backoff.ts"
import * as Category from "../src/Category.ts"

const of = (error: unknown, attempt = 1) => {
  const { category, rule, severity } = Category.classify(Category.rules, error, attempt)
  return [category, severity, rule.retries]
}

describe("classify", () => {
  it("reads the category", () => {
    assert.deepStrictEqual(of({ category: "connection" }), ["connection", "major", 4])
    assert.deepStrictEqual(of(Object.assign(new Error("x"), { category: "health" })), ["health", "minor", 2])
  })

  it("takes what is not in the table, and what is no category, for unknown", () => {
    for (const error of [
      { category: "nonsense" },
      { category: "toString" },
      { category: 3 },
      {},
      null,
      undefined,
      "text",
      7
    ])
      assert.deepStrictEqual(of(error), ["unknown", "critical", 0])
  })

  it("knows Effect's own TimeoutError", () => {
    assert.deepStrictEqual(of(new Cause.TimeoutError()), ["timeout", "major", 1])
  })

  it("severity rises by one level after the third attempt", () => {
    assert.deepStrictEqual(
      [1, 3, 4].map((n) => of({ category: "health" }, n)[1]),
      ["minor", "minor", "major"]
    )
    assert.deepStrictEqual(
      [3, 4].map((n) => of({ category: "connection" }, n)[1]),
      ["major", "critical"]
    )
    assert.deepStrictEqual(of({ category: "resource" }, 4)[1], "critical")
  })

  it("what affects all is critical, and a stated severity wins over everything", () => {
    assert.strictEqual(of({ category: "health", affectsAll: true })[1], "critical")
    assert.strictEqual(of({ category: "health", affectsAll: true, severity: "minor" }, 9)[1], "minor")
    assert.strictEqual(of({ category: "health", severity: "fatal" })[1], "minor")
  })

  it("takes any table", () => {
    const rules = { ...Category.rules, flood: { severity: "minor", retries: 9 } } as const
    assert.strictEqual(Category.classify(rules, { category: "flood" }, 1).rule.retries, 9)
  })
})

describe("the table", () => {
  it("has the backoffs that the constructors make", () => {
    const { communication, connection, health, initialization, resource, timeout } = Category.rules
    assert.deepStrictEqual(connection.backoff, Backoff.decorrelatedV2("100 millis"))
    for (const rule of [timeout, initialization])
      assert.deepStrictEqual(rule.backoff, Backoff.exponential("1 second"))
    for (const rule of [resource, health]) assert.deepStrictEqual(rule.backoff, Backoff.linear("1 second"))
    assert.deepStrictEqual(communication.backoff, Backoff.delays([0, "100 millis"]))
  })
})

describe("fields", () => {
  it("retryAfter is a Duration or absent", () => {
    assert.deepStrictEqual(Category.retryAfter({ retryAfter: Duration.seconds(3) }), Duration.seconds(3))
    assert.isUndefined(Category.retryAfter({ retryAfter: 3 }))
  })

  it("only started: no and retrySafe: true are safe", () => {
    const safe = [
      { started: "no" },
      { retrySafe: true },
      { started: "maybe" },
      { retrySafe: false },
      {},
      undefined
    ]
    assert.deepStrictEqual(safe.map(Category.isSafe), [true, true, false, false, false, false])
  })
})
