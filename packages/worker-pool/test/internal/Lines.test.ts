import { assert, it } from "@effect/vitest"
import * as Lines from "../../src/internal/Lines.ts"

const split = (...chunks: ReadonlyArray<string | Uint8Array>): Array<string> => {
  const out: Array<string> = []
  const lines = Lines.make((line) => out.push(line))
  for (const chunk of chunks) lines.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)
  lines.end()
  return out
}

it("lines are put together from pieces, with either kind of end, and the last needs none", () => {
  assert.deepStrictEqual(split("a\nb", "c\r\n", "\nd"), ["a", "bc", "", "d"])
})

it("a character cut in two is whole again, and bytes that are none are replaced", () => {
  const [first, second] = [Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac, 0x0a, 0xff, 0x0a)]
  assert.deepStrictEqual(split(first, second), ["€", "\ufffd"])
})

it("a line without an end is cut, so that it costs bounded memory", () => {
  const out = split("x".repeat(3 * Lines.MAX_LINE + 5))
  assert.deepStrictEqual(
    out.map((line) => line.length),
    [Lines.MAX_LINE, Lines.MAX_LINE, Lines.MAX_LINE, 5]
  )
})

it("the tail keeps the last whole lines", () => {
  const tail = Lines.tail(25)
  for (let index = 0; index < 5_000; index++) tail.push(`line ${index}`)
  assert.strictEqual(tail.text(), "line 4998\nline 4999")
  assert.strictEqual(Lines.tail(10).text(), "")
})
