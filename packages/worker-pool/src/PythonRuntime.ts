/**
 * Where the Python half of this package is: in the folder `python/`, found relative to this module, which therefore stays directly
 * below `src/` (and is bundled directly below `dist/`); or, where there are no files, in this package's own code.
 */
import { existsSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Embedded from "./internal/embedded.ts"

/** The script that a worker's interpreter is started with, where there are files. */
export const bootScript: URL = new URL("../python/boot.py", import.meta.url)

/** How an interpreter is told to run the Python half. */
export interface Program {
  /** The first of its arguments. */
  readonly args: ReadonlyArray<string>
  /** Variables of its environment. */
  readonly env: { readonly [name: string]: string }
}

/**
 * The files if they are there: Python then keeps their compiled form. A bundler that moves this code leaves them behind, and a package that is
 * loaded over the network, or compiled into one executable, has none; then the code is passed along, and compiled at each start.
 * `FIREWEED_EMBEDDED=1` asks for this.
 */
export const program = (): Program => {
  const path = bootScript.protocol === "file:" ? fileURLToPath(bootScript) : undefined
  return path !== undefined && process.env["FIREWEED_EMBEDDED"] !== "1" && existsSync(path)
    ? { args: [path], env: {} }
    : embedded()
}

/** Longest value of a variable, in characters: Windows takes no more than 32,766, its name included. */
const PIECE = 30_000

const embedded = (): Program => {
  const text = JSON.stringify(Embedded.files)
  const pieces = Array.from({ length: Math.ceil(text.length / PIECE) }, (_, index) => [
    `FIREWEED_RUNTIME_${index}`,
    text.slice(index * PIECE, (index + 1) * PIECE)
  ])
  return { args: ["-c", Embedded.loader], env: Object.fromEntries(pieces) }
}
