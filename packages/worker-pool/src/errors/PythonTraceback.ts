/** A Python exception as Python prints it. */
import type { PythonException, SyntaxPlace } from "../protocol/Message.ts"

/** Type and message, as in the last line of a traceback. */
export const headline = ({ message, type }: Pick<PythonException, "type" | "message">): string =>
  message === "" ? type : `${type}: ${message}`

/**
 * The whole of it: what came before, frames, the place of a syntax error, notes, the members of a group. Only the marks below the lines of
 * source are missing, since where in its line an expression stands is not sent.
 */
export const format = (exception: PythonException): string => chain(exception, 0).join("\n")

type Lines = ReadonlyArray<string>

/** An exception after those that led to it; inside of a group it is `depth` deep. */
const chain = (exception: PythonException, depth: number): Lines => {
  const before = exception.cause ?? exception.context
  const members = exception.group ?? []
  const own = members.length === 0 ? margin(single(exception), depth) : group(exception, members, depth)
  if (before === undefined) return own
  const link = exception.cause === undefined ? CONTEXT : CAUSE
  return [...chain(before, depth), ...margin(["", link, ""], depth), ...own]
}

const CAUSE = "The above exception was the direct cause of the following exception:"
const CONTEXT = "During handling of the above exception, another exception occurred:"

const single = (exception: PythonException): Lines => [
  ...stack(exception, "Traceback (most recent call last):"),
  ...(exception.syntax === undefined ? [headline(exception)] : syntaxError(exception, exception.syntax)),
  ...(exception.notes ?? [])
]

const group = (exception: PythonException, members: ReadonlyArray<PythonException>, depth: number): Lines => {
  const level = Math.max(1, depth)
  const traceback = stack(exception, "Exception Group Traceback (most recent call last):")
  const own = margin([...traceback, headline(exception), ...(exception.notes ?? [])], level)
  // The outermost begins the line that all of it hangs on.
  const begun = depth === 0 && traceback.length > 0 ? own.with(0, `  + ${traceback[0]}`) : own
  const inner = members.flatMap((member, index) => [
    `${"  ".repeat(level)}${index === 0 ? "+-" : "  "}+---------------- ${index + 1} ----------------`,
    ...chain(member, level + 1)
  ])
  const last = members.at(-1)
  const isClosed = last !== undefined && hasGroup(last)
  return [
    ...begun,
    ...inner,
    ...(isClosed ? [] : [`${"  ".repeat(level + 1)}+------------------------------------`])
  ]
}

/** Whether one is printed with it, which ends as deep as what it is in. */
const hasGroup = (exception: PythonException): boolean => {
  if (exception.group !== undefined && exception.group.length > 0) return true
  const before = exception.cause ?? exception.context
  return before !== undefined && hasGroup(before)
}

const stack = ({ frames }: PythonException, title: string): Lines =>
  frames.length === 0
    ? []
    : [
        title,
        ...frames.flatMap(([file, line, name, source]) => [
          `  File "${file}", line ${line}, in ${name}`,
          ...(source === "" ? [] : [`    ${source}`])
        ])
      ]

/** The place comes first, and is not said again in the message. */
const syntaxError = (exception: PythonException, { file, line, offset, text }: SyntaxPlace): Lines => {
  if (line === null) return [headline(exception)]
  const { type } = exception
  const message = exception.message.replace(/ \([^()]*, line \d+\)$/, "")
  const place = `  File "${file ?? "<string>"}", line ${line}`
  if (text === null) return [place, headline({ type, message })]
  const source = text.trim()
  const column = (offset ?? 0) - 1 - (text.length - text.trimStart().length)
  const mark = column < 0 ? [] : [`    ${source.slice(0, column).replaceAll(/\S/g, " ").padEnd(column)}^`]
  return [place, `    ${source}`, ...mark, headline({ type, message })]
}

const margin = (lines: Lines, depth: number): Lines =>
  depth === 0
    ? lines
    : lines.flatMap((text) => text.split("\n").map((line) => `${"  ".repeat(depth)}| ${line}`))
