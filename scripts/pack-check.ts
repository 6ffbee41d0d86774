/**
 * `pnpm pack:check`: does what we would publish work for someone who installs it? Builds and packs every package, lints each
 * tarball (publint, attw), installs them all in an empty project with npm, and runs programs there under Node, and under any
 * other Node of the PATH, Deno and Bun where present: one that imports every entry, and the first programs of each package's README.
 */
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import process from "node:process"
import { programs, pythonFiles } from "./markdown.ts"
import type { CodeBlock } from "./markdown.ts"
import { run, runOrThrow } from "./process.ts"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
}

const root = path.resolve(import.meta.dirname, "..")
const temporary = mkdtempSync(path.join(tmpdir(), "fireweed-pack-"))
const tarballs = path.join(temporary, "tarballs")
const project = path.join(temporary, "project")
const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"))

/** Entries that load only inside of a tool that an empty project does not have. */
const hosted = new Set(["@fireweed/test-kit/vitest"])

const packages = globSync("packages/*/package.json", { cwd: root })
  .map((file) => path.join(root, path.dirname(file)))
  .toSorted((a, b) => a.localeCompare(b))
  .map((folder) => ({ folder, ...readManifest(folder) }))

let failures = 0
const attempt = async (title: string, work: () => Promise<unknown>): Promise<boolean> => {
  try {
    await work()
    console.log(`ok   ${title}`)
    return true
  } catch (error) {
    failures++
    console.log(`FAIL ${title}\n${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

const pack = async (folder: string, name: string): Promise<string> => {
  const tarball = path.join(tarballs, `${path.basename(folder)}.tgz`)
  await attempt(`${name}: pack`, () => runOrThrow("pnpm", ["pack", "--out", tarball], { cwd: folder }))
  await attempt(`${name}: publint`, () => runOrThrow("publint", ["run", tarball, "--strict"], { cwd: root }))
  const attw = [tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]
  await attempt(`${name}: attw`, () => runOrThrow("attw", attw, { cwd: root }))
  return tarball
}

interface Runtime {
  readonly name: string
  /** The words that make it run a file of the project. */
  readonly words: readonly [command: string, ...args: ReadonlyArray<string>]
  readonly extension: "ts" | "js"
}

/** The runtimes that are here: our own Node and the others, with any older Node, for which programs are compiled. */
const findRuntimes = async (): Promise<ReadonlyArray<Runtime>> => {
  const candidates: ReadonlyArray<Runtime["words"]> = [
    ["node"],
    ["deno", "run", "-A", "--node-modules-dir=manual"],
    ["bun", "run"],
    ...(process.env["PATH"] ?? "").split(path.delimiter).map((dir) => [path.join(dir, "node")] as const)
  ]
  const found = new Map<string, Runtime>()
  for (const words of candidates) {
    const { code, stdout } = await run(words[0], ["--version"])
    const name = `${path.basename(words[0])} ${stdout.split("\n")[0]}`
    const isOld = /^node v(?:20|21)\./.test(name)
    if (code === 0 && !found.has(name)) found.set(name, { name, words, extension: isOld ? "js" : "ts" })
  }
  return [...found.values()]
}

const entriesOf = ({ exports, name }: Manifest): ReadonlyArray<string> =>
  Object.keys(exports)
    .filter((entry) => entry !== "./package.json")
    .map((entry) => name + entry.slice(1))
    .filter((entry) => !hosted.has(entry))

const firstPrograms = (markdown: string): ReadonlyArray<CodeBlock> => {
  const all = programs(markdown)
  return all.filter(({ heading }) => heading === all[0]?.heading)
}

/** Imports all that a package exports, and refuses an entry that exports nothing. */
const importAll = (manifest: Manifest): string =>
  entriesOf(manifest)
    .map(
      (entry) => `{
  const names = Object.keys(await import("${entry}"))
  if (names.length === 0) throw new Error("${entry} exports nothing")
  console.log("${entry}:", names.join(" "))
}
`
    )
    .join("")

try {
  mkdirSync(tarballs)
  mkdirSync(project)
  await attempt("build", () =>
    runOrThrow("turbo", ["run", "build", "--output-logs=errors-only"], { cwd: root })
  )
  const files: Array<string> = []
  for (const { folder, name } of packages) files.push(await pack(folder, name))

  // By its exact version: npm would otherwise choose one by the Node that runs it, which need not be the one we built with.
  const effect = `effect@${readManifest(path.join(root, "node_modules/effect")).version}`
  writeFileSync(path.join(project, "package.json"), `{ "private": true, "type": "module" }\n`)
  const install = ["install", "--no-audit", "--no-fund", "--loglevel=error", effect, ...files]
  const installed = await attempt("install in an empty project", () =>
    runOrThrow("npm", install, { cwd: project, timeout: 120_000 })
  )

  const runtimes = await findRuntimes()
  const write = (program: string, code: string): string => {
    writeFileSync(path.join(project, `${program}.ts`), code)
    return program
  }
  const all = packages.map((manifest) => {
    const short = path.basename(manifest.folder)
    const readme = path.join(manifest.folder, "README.md")
    const text = existsSync(readme) ? readFileSync(readme, "utf8") : ""
    for (const { code, name } of pythonFiles(text)) writeFileSync(path.join(project, name), code)
    // The first calls, before any other heading. test-kit's programs are tests, which need a runner.
    const examples = short === "test-kit" ? [] : firstPrograms(text)
    return {
      name: manifest.name,
      imports: write(short, importAll(manifest)),
      examples: examples.map(({ code }, index) => write(`${short}-readme-${index + 1}`, code))
    }
  })
  if (runtimes.some(({ extension }) => extension === "js")) {
    const files = all.flatMap(({ examples, imports }) => [imports, ...examples].map((file) => `${file}.ts`))
    const compile = [
      ...files,
      "--format",
      "esm",
      "--target",
      "node20",
      "--out-dir",
      ".",
      "--no-config",
      "--silent"
    ]
    await attempt("compile for an older Node", () => runOrThrow("tsup", compile, { cwd: project }))
  }

  for (const { examples, imports, name } of installed ? all : []) {
    for (const { extension, name: runtime, words } of runtimes) {
      const [command, ...args] = words
      const execute = (program: string) => async () => {
        const file = `${program}.${extension}`
        const { output } = await runOrThrow(command, [...args, file], { cwd: project, timeout: 60_000 })
        if (/\bWARN\b/.test(output)) throw new Error(`it warns\n${output}`)
      }
      await attempt(`${name}: imports under ${runtime}`, execute(imports))
      for (const example of examples) await attempt(`${example} under ${runtime}`, execute(example))
    }
    if (!imports.includes("test-kit") && examples.length === 0) {
      await attempt(`${name}: has a README with a program`, () => Promise.reject(new Error("there is none")))
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
process.exitCode = failures > 0 ? 1 : 0
