/** Reads programs out of Markdown. */

export interface CodeBlock {
  readonly language: string
  readonly code: string
  /** The nearest heading above. */
  readonly heading: string
  /** Line of the opening fence, from 1. */
  readonly line: number
}

/** Every fenced block, in order. Only the first word after the fence is the language. */
export const codeBlocks = (markdown: string): ReadonlyArray<CodeBlock> => {
  const blocks: Array<CodeBlock> = []
  let heading = ""
  let open:
    | {
        readonly fence: string
        readonly language: string
        readonly line: number
        readonly code: Array<string>
      }
    | undefined
  for (const [index, line] of markdown.split(/\r?\n/).entries()) {
    const fence = /^ {0,3}(```+|~~~+) *(\S*)/.exec(line)
    if (open !== undefined) {
      if (fence !== null && fence[2] === "" && fence[1]?.startsWith(open.fence) === true) {
        blocks.push({ language: open.language, code: `${open.code.join("\n")}\n`, heading, line: open.line })
        open = undefined
      } else {
        open.code.push(line)
      }
    } else if (fence !== null) {
      open = { fence: fence[1] ?? "", language: fence[2] ?? "", line: index + 1, code: [] }
    } else {
      heading = /^#+ +(.*)$/.exec(line)?.[1] ?? heading
    }
  }
  if (open !== undefined) throw new Error(`the code block that opens on line ${open.line} is never closed`)
  return blocks
}

/** The blocks that are programs. */
export const programs = (markdown: string): ReadonlyArray<CodeBlock> =>
  codeBlocks(markdown).filter(({ language }) => language === "ts" || language === "typescript")

/** The text of a source's docstrings, line by line where it stands; other lines are empty. */
export const docstrings = (source: string): string =>
  source
    .split(/\r?\n/)
    .map((line) => /^ *\* (.*)$/.exec(line)?.[1] ?? "")
    .join("\n")

/** The files of Python that go with the programs: blocks that begin with their name, as in `# analysis.py`. */
export const pythonFiles = (
  markdown: string
): ReadonlyArray<{ readonly name: string; readonly code: string }> =>
  codeBlocks(markdown).flatMap(({ code, language }) => {
    const name = language === "py" ? /^# (\w+\.py)$/m.exec(code.split("\n", 1)[0] ?? "")?.[1] : undefined
    return name === undefined ? [] : [{ name, code }]
  })
