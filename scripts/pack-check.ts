/**
 * `pnpm pack:check`: does what we would publish work for someone who installs it? Builds and packs every package, lints each
 * tarball (publint, attw), installs them all in an empty project with npm, and runs programs there under Node, and under Deno
 * and Bun where present: one that imports every entry, and the first programs of each package's README.
 */
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
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

/** The runtimes that are here, each with the words that make it run a file of the project. */
const findRuntimes = async (): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const candidates = [["node"], ["deno", "run", "-A", "--node-modules-dir=manual"], ["bun", "run"]]
  const found = await Promise.all(candidates.map(([command = ""]) => run(command, ["--version"])))
  return candidates.filter((_, index) => found[index]?.code === 0)
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

  for (const manifest of installed ? packages : []) {
    const short = path.basename(manifest.folder)
    writeFileSync(path.join(project, `${short}.ts`), importAll(manifest))
    const readme = path.join(manifest.folder, "README.md")
    const text = existsSync(readme) ? readFileSync(readme, "utf8") : ""
    // The first calls, before any other heading. test-kit's programs are tests, which need a runner.
    const examples = short === "test-kit" ? [] : firstPrograms(text)
    const files = examples.map((_, index) => `${short}-readme-${index + 1}.ts`)
    for (const [index, { code }] of examples.entries())
      writeFileSync(path.join(project, files[index] ?? ""), code)
    for (const { code, name } of pythonFiles(text)) writeFileSync(path.join(project, name), code)
    for (const [runtime = "", ...words] of await findRuntimes()) {
      const execute = (file: string) => () =>
        runOrThrow(runtime, [...words, file], { cwd: project, timeout: 60_000 })
      await attempt(`${manifest.name}: imports under ${runtime}`, execute(`${short}.ts`))
      for (const [index, file] of files.entries())
        await attempt(`${manifest.name}: program ${index + 1} of its README under ${runtime}`, execute(file))
    }
    if (short !== "test-kit" && examples.length === 0) {
      await attempt(`${manifest.name}: has a README with a program`, () => Promise.reject(new Error(readme)))
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
process.exitCode = failures > 0 ? 1 : 0
