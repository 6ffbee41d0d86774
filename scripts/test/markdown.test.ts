import { assert, describe, it } from "@effect/vitest"
import { codeBlocks, docstrings, programs } from "../markdown.ts"

const lines = (...text: ReadonlyArray<string>): string => text.join("\n")

describe("markdown", () => {
  it("finds each block with its language, heading and line", () => {
    const text = lines("# One", "```ts", "a", "", "b", "```", "## Two", "```text title", "c", "```")
    assert.deepStrictEqual(codeBlocks(text), [
      { language: "ts", code: "a\n\nb\n", heading: "One", line: 2 },
      { language: "text", code: "c\n", heading: "Two", line: 8 }
    ])
    assert.deepStrictEqual(
      programs(text).map((block) => block.code),
      ["a\n\nb\n"]
    )
  })

  it("what is inside a block is neither a heading nor, if the fence is longer, another block", () => {
    const text = lines("````md", "# Not", "```ts", "a", "```", "````", "```sh", "# comment", "```")
    assert.deepStrictEqual(
      codeBlocks(text).map(({ heading, language }) => [heading, language]),
      [
        ["", "md"],
        ["", "sh"]
      ]
    )
    assert.deepStrictEqual(programs(text), [])
  })

  it("refuses a block that is never closed", () => {
    assert.throws(() => codeBlocks(lines("a", "```ts", "b")), /line 2 is never closed/)
  })

  it("in docstrings, on whatever level, blocks keep their lines", () => {
    const source = lines(
      "const a = 1",
      "/**",
      " * ```ts",
      " * a",
      " *",
      " *   b",
      " * ```",
      " */",
      "  /** One line. */"
    )
    const inner = lines("  /**", "   * ```ts", "   * c", "   * ```", "   */", "  * 2")
    assert.deepStrictEqual(
      programs(docstrings(lines(source, inner))).map(({ code, line }) => [code, line]),
      [
        ["a\n\n  b\n", 3],
        ["c\n", 11]
      ]
    )
  })
})
