/** Pickles that real Pythons made: `vectors.json`, which `vectors.py` writes. */
import { Buffer } from "node:buffer"
import { readFileSync } from "node:fs"

export interface Vector {
  /** The expression that was pickled. */
  readonly python: string
  readonly meta: Uint8Array
  readonly buffers: ReadonlyArray<Uint8Array>
  /** Python's names of the opcodes in it. */
  readonly opcodes: ReadonlyArray<string>
  /** The Pythons that wrote exactly this. */
  readonly versions: ReadonlyArray<string>
}

interface Line extends Pick<Vector, "python" | "opcodes" | "versions"> {
  readonly hex: string
  readonly buffers: ReadonlyArray<string>
}

const lines: ReadonlyArray<Line> = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"))

export const vectors: ReadonlyArray<Vector> = lines.map(({ buffers, hex, opcodes, python, versions }) => ({
  python,
  opcodes,
  versions,
  meta: fromHex(hex),
  buffers: buffers.map(fromHex)
}))

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"))
}
