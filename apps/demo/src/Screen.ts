/**
 * Draws updates on a terminal: bars that are redrawn in place, and news that scroll by above them. Where the output is no terminal,
 * progress comes as plain lines instead, one for each quarter.
 */
import type { Mark, Update } from "./Update.ts"
import * as Text from "./Text.ts"

/** Where and how to draw. */
export interface ScreenOptions {
  readonly write: (text: string) => void
  /** Whether the cursor can be moved. */
  readonly terminal: boolean
  readonly color: boolean
  /** In characters; at most 80 are used. */
  readonly columns: number
}

/** Makes a screen: a function to be given each update. */
export const make = (options: ScreenOptions): ((update: Update) => void) => {
  const width = Math.min(80, options.columns)
  const bars = new Map<string, Progress>()
  let drawn = 0

  const paint = (color: keyof typeof COLORS, text: string): string =>
    options.color ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text

  const draw = (): void => {
    const rows = [...bars.values()].map((progress) => Text.clip(row(progress, [...bars.keys()]), width - 1))
    for (const line of rows) options.write(`${line}\n`)
    drawn = rows.length
  }

  const print = (lines: ReadonlyArray<string>): void => {
    // Up to the first bar, and everything below it away.
    if (drawn > 0) options.write(`\u001b[${drawn}A\u001b[0J`)
    for (const line of lines) options.write(`${line}\n`)
    if (options.terminal) draw()
  }

  return (update) => {
    switch (update._tag) {
      case "Scene":
        return print(["", paint("bold", update.title)])
      case "News": {
        const [first = "", ...rest] = Text.wrap(Text.printable(update.text), width - 4)
        const [symbol, color] = MARKS[update.mark]
        return print([`  ${paint(color, symbol)} ${first}`, ...rest.map((line) => `    ${line}`)])
      }
      case "Quote":
        return print(
          update.text
            .split("\n")
            .map((line) => paint("dim", `    ${Text.clip(Text.printable(line), width - 4)}`))
        )
      case "Progress": {
        const before = bars.get(update.session)
        bars.set(update.session, update)
        if (options.terminal) return print([])
        if (quarter(update) !== (before === undefined ? 0 : quarter(before))) {
          print([row(update, [...bars.keys()]).trimEnd()])
        }
        return
      }
      case "Settled":
        bars.clear()
        drawn = 0
    }
  }
}

type Progress = Extract<Update, { readonly _tag: "Progress" }>

const COLORS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

const MARKS: { readonly [mark in Mark]: readonly [symbol: string, color: keyof typeof COLORS] } = {
  ok: ["✓", "green"],
  failed: ["✗", "red"],
  broke: ["!", "yellow"],
  healed: ["+", "green"],
  output: ["|", "dim"],
  info: ["·", "dim"]
}

const quarter = ({ done, total }: Progress): number => (total === 0 ? 4 : Math.floor((4 * done) / total))

const row = ({ done, session, total, worker }: Progress, names: ReadonlyArray<string>): string => {
  const name = Text.clip(session, 20).padEnd(Math.min(20, Math.max(...names.map((each) => each.length))))
  const files = `${String(done).padStart(String(total).length)}/${total} files`
  return `  ${name}  ${Text.bar(done, total, 24)}  ${files.padEnd(13)}  worker ${worker}`
}
