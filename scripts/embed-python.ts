/**
 * Writes the Python half of worker-pool into a module of its TypeScript half, for places that have no files: a package that is loaded over
 * the network, or compiled into one executable. `--check` writes nothing and exits with 1 if the module is stale.
 *
 * Each file is compressed by itself and stands alone, so that changes to two files do not meet. Versions of zlib write different bytes for
 * the same text: what counts is the text.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { deflateSync, inflateSync } from "node:zlib"

/** An argument or a variable of a process may be so long on Linux, in bytes; the module itself stays below it. */
const LIMIT = 128 * 1024
const LOADER = "embedded.py"

const root = path.resolve(import.meta.dirname, "../packages/worker-pool")
const python = path.join(root, "python")
const target = path.join(root, "src/internal/embedded.ts")

const read = (file: string): string => readFileSync(path.join(python, file), "utf8")
const names = globSync("**/*.py", { cwd: python })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name !== LOADER)
  .toSorted((a, b) => (a < b ? -1 : 1))

/** What the module holds now: the base64 texts by name. */
const before = ((): ReadonlyMap<string, string> => {
  try {
    const entries = readFileSync(target, "utf8").matchAll(/^ {2}"([^"]+)":\s+"([A-Za-z0-9+/=]+)",?$/gm)
    return new Map([...entries].map(([, name = "", text = ""]) => [name, text]))
  } catch {
    return new Map()
  }
})()

const pack = (name: string): string => {
  const old = before.get(name)
  try {
    // Bytes of another zlib that mean the same are left as they are.
    if (old !== undefined && inflateSync(Buffer.from(old, "base64")).toString("utf8") === read(name))
      return old
  } catch {
    // What is no compressed text is written anew.
  }
  return deflateSync(read(name), { level: 9 }).toString("base64")
}

const text = `/** The Python half of this package, compressed, by \`scripts/embed-python.ts\`: \`pnpm format\` writes it again. */

/** What \`python -c\` is given. */
export const loader: string = ${JSON.stringify(read(LOADER))}

/** The files, by their path. */
export const files: { readonly [name: string]: string } = {
${names.map((name) => `  // ${name}\n  ${JSON.stringify(name)}:\n    "${pack(name)}"`).join(",\n\n")}
}
`

if (Buffer.byteLength(text) > LIMIT)
  throw new Error(`the embedded runtime has ${Buffer.byteLength(text)} bytes, the limit is ${LIMIT}`)
const isStale = ((): boolean => {
  try {
    return readFileSync(target, "utf8") !== text
  } catch {
    return true
  }
})()
if (isStale && process.argv.includes("--check")) {
  console.log("stale, run npx -y pnpm@12 format: packages/worker-pool/src/internal/embedded.ts")
  process.exitCode = 1
} else if (isStale) {
  writeFileSync(target, text)
  console.log("wrote packages/worker-pool/src/internal/embedded.ts")
}
