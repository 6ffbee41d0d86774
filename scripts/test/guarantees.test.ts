import { assert, describe, it } from "@effect/vitest"
import * as path from "node:path"
import * as Guarantees from "../guarantees.ts"

const list = "- D1: One.\n- D2 (void: a wish).\n- D3: Three.\n"
const titled = (title: string): Guarantees.Tests =>
  new Map([["a.test.ts", `it.effect(${JSON.stringify(title)}`]])
const of = (title: string) => Guarantees.report(Guarantees.read(list), titled(title))

describe("the list of guarantees", () => {
  it("tells those with a test, those that are void and those that are open", () => {
    assert.deepStrictEqual(Guarantees.format(of("D3 holds")), [
      "tested  D3  a.test.ts: D3 holds",
      "void    D2  a wish",
      "open    D1  One.",
      "1 tested, 1 open, 1 void, of 3"
    ])
  })

  it("refuses a title of a number that is not there, or is void, and a list with a gap", () => {
    assert.lengthOf(of("D4 holds").complaints, 1)
    assert.lengthOf(of("D2 holds").complaints, 1)
    assert.lengthOf(Guarantees.report(Guarantees.read("- D1: One.\n- D3: Three.\n"), new Map()).complaints, 1)
    assert.deepStrictEqual(of("D1 holds").complaints, [])
  })

  it("counts the names of tests alone, however they are written", () => {
    const source = [
      "it.effect(\n  'D1 one', () => 1)",
      ["describe.concurrent", "(`D3 ${name} x`, () => 2)"].join(""),
      'const text = "D3 no title"',
      "it('see D1 no number first')"
    ].join("\n")
    assert.deepStrictEqual(
      Guarantees.titlesIn(source).map(({ title }) => title),
      ["D1 one", "D3 ${name} x"]
    )
  })

  it("has 82 of them, and no test is titled by another", () => {
    const { complaints, guarantees } = Guarantees.ofRepository(path.resolve(import.meta.dirname, "../.."))
    assert.lengthOf(guarantees, 82)
    assert.deepStrictEqual(complaints, [])
  })
})
