import { assert, describe, it } from "@effect/vitest"
import * as Screen from "../src/Screen.ts"
import type { Update } from "../src/Update.ts"

const progress = (session: string, done: number): Update => ({
  _tag: "Progress",
  session,
  worker: "1.1",
  done,
  total: 4
})
const news: Update = { _tag: "News", mark: "ok", text: "it went well" }

const draw = (terminal: boolean, updates: ReadonlyArray<Update>): string => {
  let text = ""
  const show = Screen.make({ write: (piece) => (text += piece), terminal, color: false, columns: 80 })
  for (const update of updates) show(update)
  return text
}

const empty = "  a  ░░░░░░░░░░░░░░░░░░░░░░░░  0/4 files      worker 1.1\n"
const half = "  a  ████████████░░░░░░░░░░░░  2/4 files      worker 1.1\n"
const full = "  a  ████████████████████████  4/4 files      worker 1.1\n"

describe("on a terminal", () => {
  it("a bar is drawn over itself", () => {
    assert.strictEqual(draw(true, [progress("a", 0), progress("a", 2)]), `${empty}\u001b[1A\u001b[0J${half}`)
  })

  it("news scroll by above the bars", () => {
    assert.strictEqual(
      draw(true, [progress("a", 2), news]),
      `${half}\u001b[1A\u001b[0J  ✓ it went well\n${half}`
    )
  })

  it("settled bars stay where they are", () => {
    assert.strictEqual(draw(true, [progress("a", 4), { _tag: "Settled" }, news]), `${full}  ✓ it went well\n`)
  })
})

describe("elsewhere", () => {
  it("there is a line for each quarter, and nothing moves the cursor", () => {
    assert.strictEqual(
      draw(false, [progress("a", 0), progress("a", 2), progress("a", 2), progress("a", 4), news]),
      `${half}${full}  ✓ it went well\n`
    )
  })

  it("a session that starts again is shown", () => {
    assert.strictEqual(draw(false, [progress("a", 2), progress("a", 0)]), `${half}${empty}`)
  })
})

it("no line is longer than the terminal is wide", () => {
  const long = "word ".repeat(60)
  const updates: ReadonlyArray<Update> = [
    { _tag: "News", mark: "broke", text: long },
    { _tag: "Quote", text: long },
    progress("a_package_with_a_name.that_is_longer_than_most", 1)
  ]
  for (const line of draw(false, updates).split("\n")) assert.isAtMost(line.length, 80)
})
