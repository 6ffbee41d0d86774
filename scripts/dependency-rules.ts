/** The rules of CONTRIBUTING.md about who may depend on whom, as a function from files to complaints. */
import * as path from "node:path/posix"
import { codeOnly, importsOf, onlyExports } from "./imports.ts"

/** Every file that the rules look at, or only its name (empty text) where they ask no more: path from the root, text. */
export type Files = ReadonlyMap<string, string>

interface Rule {
  /** Members of the family that its sources may import, and its package.json name. */
  readonly family: ReadonlyArray<string>
  /** Other packages that its sources may import, besides `effect`. */
  readonly others: ReadonlyArray<string>
  /** Whether it may use a runtime: `node:` modules, `process` and the like. */
  readonly runtime: boolean
}

const pure: Rule = { family: [], others: [], runtime: false }

export const rules: Readonly<Record<string, Rule>> = {
  "packages/circuit-breaker": pure,
  "packages/retry": pure,
  "packages/session-affinity": pure,
  "packages/worker-pool": {
    family: ["circuit-breaker", "retry", "session-affinity"],
    others: [],
    runtime: true
  },
  "packages/test-kit": { family: ["worker-pool"], others: ["@effect/vitest", "vitest"], runtime: true },
  "apps/demo": {
    family: ["circuit-breaker", "retry", "session-affinity", "worker-pool"],
    others: ["@effect/platform-node"],
    runtime: true
  }
}

/** The layers of worker-pool, lowest first: a layer imports itself and what is below it. */
export const layers = ["protocol", "transport", "worker", "recovery", "pool"]

interface Manifest {
  readonly version?: string
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** One line per broken rule; empty when all hold. */
export const complaints = (files: Files): ReadonlyArray<string> =>
  foldersOf(files).flatMap((folder) => {
    const rule = rules[folder]
    if (rule === undefined)
      return [`${folder}: not in the table of scripts/dependency-rules.ts: say what it may depend on`]
    return [
      ...manifestComplaints(files, folder, rule),
      ...sourceComplaints(files, folder, rule),
      ...testKitComplaints(files, folder),
      ...layerComplaints(files, folder)
    ]
  })

const foldersOf = (files: Files): ReadonlyArray<string> =>
  [...files.keys()]
    .filter((file) => /^(?:packages|apps)\/[^/]+\/package\.json$/.test(file))
    .map((file) => path.dirname(file))

const readManifest = (files: Files, folder: string): Manifest =>
  JSON.parse(files.get(`${folder}/package.json`) ?? "{}")

const modulesIn = (files: Files, folder: string): ReadonlyArray<readonly [file: string, source: string]> =>
  [...files].filter(([file]) => file.startsWith(`${folder}/`) && file.endsWith(".ts"))

/** `"@scope/name"` or `"name"`, of `"@scope/name/module"` or `"name/module"`. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

const isRelative = (specifier: string): boolean => specifier.startsWith(".")
const inFamily = (specifier: string): boolean => specifier.startsWith("@fireweed/")

const manifestComplaints = (files: Files, folder: string, rule: Rule): ReadonlyArray<string> => {
  const manifest = readManifest(files, folder)
  const isPackage = folder.startsWith("packages/")
  const allowed = new Set(["effect", ...rule.others, ...rule.family.map((name) => `@fireweed/${name}`)])
  const said = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  const found = said
    .filter((name) => !allowed.has(name))
    .map((name) => `${folder}/package.json: must not depend on ${name}`)
  if (!isPackage) return found
  if (
    manifest.peerDependencies?.["effect"] === undefined ||
    manifest.dependencies?.["effect"] !== undefined
  ) {
    found.push(`${folder}/package.json: effect must be a peer dependency, so that a program has one`)
  }
  for (const file of ["README.md", "LICENSE", "deno.json"]) {
    if (!files.has(`${folder}/${file}`)) found.push(`${folder}: has no ${file}`)
  }
  const deno: Manifest = JSON.parse(files.get(`${folder}/deno.json`) ?? "{}")
  if (deno.version !== manifest.version) {
    found.push(
      `${folder}: package.json is ${manifest.version}, deno.json ${deno.version}: run node scripts/sync-versions.ts`
    )
  }
  return found
}

const sourceComplaints = (files: Files, folder: string, rule: Rule): ReadonlyArray<string> => {
  const isPackage = folder.startsWith("packages/")
  const manifest = readManifest(files, folder)
  const found: Array<string> = []
  for (const [file, source] of modulesIn(files, folder)) {
    const inSource = file.startsWith(`${folder}/src/`)
    for (const specifier of importsOf(source)) {
      const complain = (why: string) => found.push(`${file}: imports "${specifier}": ${why}`)
      const name = packageOf(specifier)
      if (isRelative(specifier)) {
        const target = path.join(path.dirname(file), specifier)
        if (!/\.(?:ts|mjs|json)$/.test(specifier)) complain("a relative import ends in .ts")
        if (!target.startsWith(`${folder}/`) && (inSource || !target.startsWith("scripts/"))) {
          complain("what another package does not export is not ours to import")
        }
      } else if (inFamily(specifier)) {
        const target = `packages/${name.slice("@fireweed/".length)}`
        const entry = `.${specifier.slice(name.length)}`
        if (readManifest(files, target).exports?.[entry] === undefined) complain(`${name} does not export it`)
        if (inSource && name === "@fireweed/test-kit") complain("no src/ may import test-kit")
        else if (inSource && !rule.family.includes(path.basename(target)))
          complain(`${folder} must not know ${name}`)
        else if (inSource && manifest.dependencies?.[name] === undefined)
          complain("package.json does not list it")
      } else if (name === "effect") {
        if (specifier === "effect" && isPackage) complain('import the module, as in "effect/Effect"')
      } else if (inSource && specifier.startsWith("node:")) {
        if (!rule.runtime) complain("this package runs anywhere")
      } else if (inSource && !rule.others.includes(name)) {
        complain("packages depend on effect and on each other only")
      }
    }
    const used = /(?<![\w$.])(?:globalThis\s*\.\s*)?(process|Deno|Bun|Buffer)\s*[.[(?]/.exec(
      codeOnly(source)
    )?.[1]
    if (inSource && !rule.runtime && used !== undefined)
      found.push(`${file}: uses ${used}: this package runs anywhere`)
    if (isPackage && file === `${folder}/src/index.ts` && !onlyExports(source)) {
      found.push(`${file}: holds exports and nothing else`)
    }
  }
  return found
}

/** Tests that use test-kit must run again when it changes: docs/decisions/0001-test-kit-resolution.md. */
const testKitComplaints = (files: Files, folder: string): ReadonlyArray<string> => {
  const name = `@fireweed/${path.basename(folder)}`
  if (name === "@fireweed/test-kit") return []
  const uses = modulesIn(files, `${folder}/test`).some(([, source]) =>
    importsOf(source).some((specifier) => packageOf(specifier) === "@fireweed/test-kit")
  )
  const listed = readManifest(files, folder).devDependencies?.["@fireweed/test-kit"] !== undefined
  const edge = new RegExp(`"${name}#test": \\{\\s*"dependsOn": \\[[^\\]]*"@fireweed/test-kit#transit"`)
  if (!uses || listed || edge.test(files.get("turbo.json") ?? "")) return []
  return [`${folder}: its tests import @fireweed/test-kit, which turbo.json has no edge for (${name}#test)`]
}

/**
 * A module inside of a layer's folder has that layer's rank. A module outside of all of them (an error, an option, the index)
 * counts as the highest layer that it imports, directly or not.
 */
const layerComplaints = (files: Files, folder: string): ReadonlyArray<string> => {
  if (folder !== "packages/worker-pool") return []
  const sources = new Map(modulesIn(files, `${folder}/src`))
  const imported = (file: string): ReadonlyArray<string> =>
    importsOf(sources.get(file) ?? "")
      .filter(isRelative)
      .map((specifier) => path.join(path.dirname(file), specifier))
  const ownRank = (file: string): number =>
    layers.indexOf(file.slice(`${folder}/src/`.length).split("/")[0] ?? "")
  const rank = (file: string, seen: ReadonlySet<string>): number => {
    if (ownRank(file) >= 0 || seen.has(file)) return ownRank(file)
    return Math.max(-1, ...imported(file).map((next) => rank(next, new Set([...seen, file]))))
  }
  return [...sources.keys()]
    .filter((file) => ownRank(file) >= 0)
    .flatMap((file) =>
      imported(file)
        .map((target) => ({ target, reached: rank(target, new Set()) }))
        .filter(({ reached }) => reached > ownRank(file))
        .map(({ reached, target }) => {
          const above = layers[reached] ?? ""
          return `${file}: imports ${target}, which is in or leads to ${above}: imports point down ${layers.toReversed().join(" > ")}`
        })
    )
}
