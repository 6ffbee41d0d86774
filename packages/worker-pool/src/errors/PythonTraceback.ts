/** A Python exception as Python prints it. */
import type { PythonException } from "../protocol/Message.ts"

/** Type and message, as in the last line of a traceback. */
export const headline = (exception: PythonException): string =>
  exception.message === "" ? exception.type : `${exception.type}: ${exception.message}`

/** The whole of it, with what came before, notes, and the members of a group. */
export const format = (exception: PythonException): string => {
  const before =
    exception.cause !== undefined
      ? `${format(exception.cause)}\n\nThe above exception was the direct cause of the following exception:\n\n`
      : exception.context !== undefined
        ? `${format(exception.context)}\n\nDuring handling of the above exception, another exception occurred:\n\n`
        : ""
  const frames = exception.frames.map(
    ([file, line, name, source]) =>
      `  File "${file}", line ${line}, in ${name}${source === "" ? "" : `\n    ${source}`}`
  )
  const trace = frames.length === 0 ? "" : `Traceback (most recent call last):\n${frames.join("\n")}\n`
  const notes = (exception.notes ?? []).map((note) => `\n${note}`).join("")
  const group = (exception.group ?? [])
    .map((member, index) => `\n  +---- ${index + 1} ----\n${format(member).replaceAll(/^/gm, "  | ")}`)
    .join("")
  return `${before}${trace}${headline(exception)}${notes}${group}`
}
