import { assert, it } from "@effect/vitest"
import { closest } from "../../src/internal/closest.ts"

it("gives the nearest names, the nearest first, three at most", () => {
  assert.deepStrictEqual(closest("scor", ["score", "core", "other"]), ["score"])
  assert.deepStrictEqual(closest("abcdef", ["abcdeg", "abcdef", "abxxef", "abcxef", "zzzzzz"]), [
    "abcdef",
    "abcdeg",
    "abcxef"
  ])
  assert.deepStrictEqual(closest("x", []), [])
  assert.deepStrictEqual(closest("", ["a"]), [])
})
