/**
 * Where the Python half of this package is. This module stays directly below `src/` (and is bundled directly below `dist/`), because
 * the folder `python/` is found relative to it.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The script that a worker's interpreter is started with. */
export const bootScript: URL = new URL("../python/boot.py", import.meta.url)

/** The arguments of an interpreter that is to run it; more may follow. `undefined` when there is nothing to run. */
export const program = (): ReadonlyArray<string> | undefined => {
  // A bundler that moves this code leaves the Python files behind, and one that loads it over the network has none.
  const path = bootScript.protocol === "file:" ? fileURLToPath(bootScript) : undefined
  return path !== undefined && existsSync(path) ? [path] : undefined
}
