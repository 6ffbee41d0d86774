import { assert, describe, it } from "@effect/vitest"
import * as Text from "../src/Text.ts"

describe("bar", () => {
  it("fills in proportion, and is full only when all is done", () => {
    assert.strictEqual(Text.bar(0, 10, 4), "░░░░")
    assert.strictEqual(Text.bar(5, 10, 4), "██░░")
    assert.strictEqual(Text.bar(9, 10, 4), "███░")
    assert.strictEqual(Text.bar(10, 10, 4), "████")
  })

  it("stays in its width whatever it is told", () => {
    assert.strictEqual(Text.bar(0, 0, 3), "░░░")
    assert.strictEqual(Text.bar(20, 10, 3), "███")
    assert.strictEqual(Text.bar(-1, 10, 3), "░░░")
  })
})

describe("wrap", () => {
  it("breaks at spaces, and never inside of a word", () => {
    assert.deepStrictEqual(Text.wrap("one two three", 7), ["one two", "three"])
    assert.deepStrictEqual(Text.wrap("a incomprehensible b", 5), ["a", "incomprehensible", "b"])
  })

  it("keeps line ends", () => assert.deepStrictEqual(Text.wrap("a\n\nb c", 10), ["a", "", "b c"]))
})

it("clip keeps the width, and shows that something is missing", () => {
  assert.strictEqual(Text.clip("abcdef", 6), "abcdef")
  assert.strictEqual(Text.clip("abcdefg", 6), "abcde…")
})

it("table aligns columns, numbers at the right", () => {
  assert.deepStrictEqual(
    Text.table(
      ["name", "n"],
      [
        ["a", "1"],
        ["longer", "200"]
      ],
      ["n"]
    ),
    ["name      n", "a         1", "longer  200"]
  )
})

it("printable text moves no cursor", () => {
  assert.strictEqual(Text.printable("a\u001b[2Jb\rc\u202ed\nä"), "a·[2Jb·c·d\nä")
})
