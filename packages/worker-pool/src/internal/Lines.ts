/**
 * Bytes that user code prints, as lines. Invalid UTF-8 is replaced, a line without an end is cut after 16 KiB, so that a flood of
 * garbage costs a bounded amount of memory.
 */

/** Splits a stream into lines. */
export interface Lines {
  /** Takes the next bytes and hands over each line they complete. */
  readonly push: (chunk: Uint8Array) => void
  /** Hands over what is left, if anything. */
  readonly end: () => void
}

/** Longest line, in characters. */
export const MAX_LINE = 16_384

/** Makes a splitter. Lines are handed over without their end. */
export const make = (onLine: (line: string) => void): Lines => {
  const decoder = new TextDecoder()
  let rest = ""
  const take = (text: string): void => {
    rest += text
    let from = 0
    for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n", from)) {
      onLine(rest.slice(from, rest.charCodeAt(at - 1) === 13 ? at - 1 : at))
      from = at + 1
    }
    rest = rest.slice(from)
    while (rest.length > MAX_LINE) {
      onLine(rest.slice(0, MAX_LINE))
      rest = rest.slice(MAX_LINE)
    }
  }
  return {
    push: (chunk) => take(decoder.decode(chunk, { stream: true })),
    end: () => {
      take(decoder.decode())
      if (rest !== "") onLine(rest)
      rest = ""
    }
  }
}

/** The last lines of a stream, up to a number of characters. */
export interface Tail {
  readonly push: (line: string) => void
  readonly text: () => string
}

/** Keeps the last `limit` characters, in whole lines. */
export const tail = (limit: number): Tail => {
  const lines: Array<string> = []
  let length = 0
  let first = 0
  return {
    push: (line) => {
      lines.push(line)
      length += line.length + 1
      while (length > limit && first < lines.length - 1) {
        length -= (lines[first]?.length ?? 0) + 1
        lines[first] = ""
        first++
      }
      if (first > 1024) {
        lines.splice(0, first)
        first = 0
      }
    },
    text: () => lines.slice(first).join("\n")
  }
}
