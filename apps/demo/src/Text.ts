/**
 * Text for a terminal: bars, tables, paragraphs. Pure.
 */

/** A progress bar of the given width, in characters. */
export const bar = (done: number, total: number, width: number): string => {
  const part = total <= 0 ? 0 : Math.min(1, Math.max(0, done / total))
  const full = Math.floor(part * width)
  return "█".repeat(full) + "░".repeat(width - full)
}

/** Cuts what is longer than the width, in characters, and says so by its last one. */
export const clip = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

/** Breaks a text into lines of at most the width, in characters, at spaces; a word that is longer gets a line of its own. */
export const wrap = (text: string, width: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((paragraph) => {
    const lines: Array<string> = []
    let line = ""
    for (const word of paragraph.split(/ +/)) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else {
        line = line === "" ? word : `${line} ${word}`
      }
    }
    return [...lines, line]
  })

/** Rows in columns two spaces apart; columns whose name is in `right` end together. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  right: ReadonlyArray<string> = []
): ReadonlyArray<string> => {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length))
  )
  const format = (row: ReadonlyArray<string>): string =>
    head
      .map((name, column) => {
        const cell = row[column] ?? ""
        const width = widths[column] ?? 0
        return right.includes(name) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join("  ")
      .trimEnd()
  return [format(head), ...rows.map(format)]
}

/** Without the control characters that could move the cursor or change colours, line ends apart: what was printed is shown, not obeyed. */
export const printable = (text: string): string => text.replaceAll(/(?!\n)[\p{Cc}\p{Cf}]/gu, "·")
