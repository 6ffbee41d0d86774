/**
 * Copies what package.json and the catalog decide to where others read it: each package's version to its deno.json and, for
 * worker-pool, to its Python package; the catalog's ranges to the `imports` of the root's deno.json. `--check` writes nothing and exits
 * with 1 if something is stale.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"

interface DenoConfig {
  readonly version?: string
  readonly imports?: Readonly<Record<string, string>>
}

const root = path.resolve(import.meta.dirname, "..")
const check = process.argv.includes("--check")
const text = (file: string): string => readFileSync(path.join(root, file), "utf8")
const read = (file: string): DenoConfig => JSON.parse(text(file))
const catalog = text("pnpm-workspace.yaml")
let stale = 0

const write = (file: string, next: string): void => {
  stale++
  console.log(`${check ? "stale, run node scripts/sync-versions.ts:" : "wrote"} ${file}`)
  if (!check) writeFileSync(path.join(root, file), next)
}

const put = (file: string, next: DenoConfig): void => {
  if (JSON.stringify(read(file)) !== JSON.stringify(next)) write(file, `${JSON.stringify(next, null, 2)}\n`)
}

/** The first entry of that name: `catalog`, the default one, comes before the named `catalogs`. */
const range = (name: string): string => {
  const found = new RegExp(`^  "?${name}"?: *"?([^"\\n]+)"?$`, "m").exec(catalog)?.[1]
  if (found === undefined)
    throw new Error(`deno.json imports ${name}, which is not in the catalog of pnpm-workspace.yaml`)
  return found
}

for (const file of globSync("packages/*/deno.json", { cwd: root })) {
  const { version } = read(file.replace(/deno\.json$/, "package.json"))
  if (version === undefined) throw new Error(`${file}: its package.json has no version`)
  put(file, { ...read(file), version })
}
const python = "packages/worker-pool/python/fireweed/__init__.py"
const { version } = read("packages/worker-pool/package.json")
const module = text(python).replace(/^__version__ = ".*"$/m, `__version__ = "${version}"`)
if (module !== text(python)) write(python, module)

const config = read("deno.json")
const imports = Object.fromEntries(
  Object.keys(config.imports ?? {}).map((name) => [name, `npm:${name}@${range(name)}`])
)
put("deno.json", { ...config, imports })
if (check && stale > 0) process.exitCode = 1
