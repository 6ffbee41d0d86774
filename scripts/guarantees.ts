/** Which guarantees of `docs/guarantees.md` are the title of a test, and which are open. */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"

/** Titles of tests by file: path, source. */
export type Tests = ReadonlyMap<string, string>

/** One guarantee. */
export interface Guarantee {
  readonly number: number
  readonly text: string
  /** Why it is void; absent if it holds. */
  readonly void?: string
}

/** A guarantee, and the tests that are titled by it. */
export interface Coverage extends Guarantee {
  /** `file: title`, one for each. */
  readonly titles: ReadonlyArray<string>
}

/** What is known of all of them. */
export interface Report {
  readonly guarantees: ReadonlyArray<Coverage>
  /** Titles with a number that is not there, or is void; and numbers that are missing or given twice. */
  readonly complaints: ReadonlyArray<string>
}

/** Reads the list, `- D16: text` or `- D13 (void: reason).`, each on a line of its own. */
export const read = (markdown: string): ReadonlyArray<Guarantee> =>
  [...markdown.matchAll(/^- D(\d+)(?:: (.+)| \(void: (.+)\)\.)$/gm)].map(([, number, text, reason]) =>
    reason === undefined
      ? { number: Number(number), text: text ?? "" }
      : { number: Number(number), text: "", void: reason }
  )

/** The titles in a source: text that begins with such a number, where a test or a group of tests is named. */
export const titlesIn = (
  source: string
): ReadonlyArray<{ readonly number: number; readonly title: string }> =>
  [...source.matchAll(/\b(?:it|test|describe)\b[\w.]*\(\s*(["'`])(D(\d+) (?:(?!\1).)+)\1/g)].map(
    ([, , title = "", number]) => ({ number: Number(number), title })
  )

/** The report on the repository in that folder. */
export const ofRepository = (root: string): Report => {
  const text = (file: string): string => readFileSync(path.join(root, file), "utf8")
  const files = globSync(["{packages,apps}/*/{test,soak}/**/*.ts", "scripts/test/*.ts"], {
    cwd: root,
    exclude: (name) => name === "node_modules"
  }).toSorted()
  const tests = new Map(files.map((file) => [file.replaceAll(path.sep, "/"), text(file)]))
  return report(read(text("docs/guarantees.md")), tests)
}

/** Holds the tests against the list. */
export const report = (guarantees: ReadonlyArray<Guarantee>, tests: Tests): Report => {
  const titles = new Map<number, Array<string>>()
  const complaints: Array<string> = []
  for (const [index, { number }] of guarantees.entries()) {
    if (number !== index + 1)
      complaints.push(`docs/guarantees.md: D${number} where D${index + 1} is expected`)
  }
  const known = new Map(guarantees.map((guarantee) => [guarantee.number, guarantee]))
  for (const [file, source] of tests) {
    for (const { number, title } of titlesIn(source)) {
      const guarantee = known.get(number)
      if (guarantee === undefined) complaints.push(`${file}: there is no guarantee D${number}: "${title}"`)
      else if (guarantee.void !== undefined) complaints.push(`${file}: D${number} is void: "${title}"`)
      else titles.set(number, [...(titles.get(number) ?? []), `${file}: ${title}`])
    }
  }
  return {
    guarantees: guarantees.map((guarantee) => ({ ...guarantee, titles: titles.get(guarantee.number) ?? [] })),
    complaints
  }
}

/** The report as lines. */
export const format = ({ complaints, guarantees }: Report): ReadonlyArray<string> => {
  const open = guarantees.filter((one) => one.void === undefined && one.titles.length === 0)
  const empty = guarantees.filter((one) => one.void !== undefined)
  const tested = guarantees.length - open.length - empty.length
  return [
    ...guarantees.flatMap(({ number, titles }) => titles.map((title) => `tested  D${number}  ${title}`)),
    ...empty.map((one) => `void    D${one.number}  ${one.void}`),
    ...open.map(({ number, text }) => `open    D${number}  ${text}`),
    ...complaints.map((complaint) => `wrong   ${complaint}`),
    `${tested} tested, ${open.length} open, ${empty.length} void, of ${guarantees.length}`
  ]
}
