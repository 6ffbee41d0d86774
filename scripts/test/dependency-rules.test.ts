import { assert, describe, it } from "@effect/vitest"
import { complaints } from "../dependency-rules.ts"
import { importsOf, onlyExports } from "../imports.ts"

const package_ = (
  name: string,
  more: Readonly<Record<string, unknown>> = {}
): ReadonlyArray<readonly [string, string]> => [
  [
    `packages/${name}/package.json`,
    JSON.stringify({
      version: "1.0.0",
      exports: { ".": "./src/index.ts", "./package.json": "./package.json" },
      peerDependencies: { effect: "catalog:peer" },
      ...more
    })
  ],
  [`packages/${name}/deno.json`, JSON.stringify({ version: "1.0.0" })],
  [`packages/${name}/README.md`, ""],
  [`packages/${name}/LICENSE`, ""],
  [`packages/${name}/src/index.ts`, `export * as Thing from "./Thing.ts"\n`]
]
const family = { "@fireweed/retry": "workspace:^" }
const sound: ReadonlyArray<readonly [string, string]> = [
  ["turbo.json", "{}"],
  ...package_("retry"),
  ...package_("circuit-breaker"),
  ...package_("worker-pool", { dependencies: family }),
  ...package_("test-kit", { dependencies: { "@fireweed/worker-pool": "workspace:^" } }),
  ["packages/retry/src/Thing.ts", `import * as Effect from "effect/Effect"\n`],
  ["packages/worker-pool/src/PoolError.ts", `import type { Frame } from "./protocol/Frame.ts"\n`],
  [
    "packages/worker-pool/src/pool/Pool.ts",
    `import { Retry } from "@fireweed/retry"\nimport "../worker/Worker.ts"\n`
  ],
  ["packages/worker-pool/src/worker/Worker.ts", `import * as fs from "node:fs"\nimport "../PoolError.ts"\n`],
  ["packages/worker-pool/bench/a.bench.ts", `import { bench } from "../../../scripts/bench/bench.ts"\n`]
]

/** The complaints when one file of a sound repository is replaced or added; `undefined` removes it. */
const withFile = (file: string, text: string | undefined): ReadonlyArray<string> => {
  const files = new Map(sound)
  if (text === undefined) files.delete(file)
  else files.set(file, text)
  return complaints(files)
}

const retry = "packages/retry/src/Thing.ts"
const pool = "packages/worker-pool/src"

describe("dependency rules", () => {
  it("has nothing to say about a sound repository", () => {
    assert.deepStrictEqual(complaints(new Map(sound)), [])
  })

  const broken: ReadonlyArray<
    readonly [rule: string, file: string, text: string | undefined, complaint: string]
  > = [
    [
      "a pure package knows no other",
      retry,
      `import "@fireweed/circuit-breaker"`,
      "must not know @fireweed/circuit-breaker"
    ],
    [
      "a package is listed before it is used",
      `${pool}/A.ts`,
      `import "@fireweed/circuit-breaker"`,
      "does not list it"
    ],
    ["no src imports test-kit", `${pool}/A.ts`, `import "@fireweed/test-kit"`, "no src/ may import test-kit"],
    ["a pure package has no node modules", retry, `import * as fs from "node:fs"`, "runs anywhere"],
    ["a pure package has no process", retry, `const a = process.env`, "uses process"],
    ["a pure package has no Deno", retry, `const a = globalThis.Deno.args`, "uses Deno"],
    ["a pure package has no Buffer", retry, `const a = Buffer.from("a")`, "uses Buffer"],
    ["nothing from npm", retry, `import ms from "ms"`, "effect and on each other only"],
    ["relative imports end in .ts", retry, `export { a } from "./a"`, "ends in .ts"],
    ["effect by module", retry, `import { Effect } from "effect"`, "import the module"],
    [
      "effect by module, in tests too",
      "packages/retry/test/a.test.ts",
      `import { Effect } from "effect"`,
      "import the module"
    ],
    [
      "index.ts exports only",
      "packages/retry/src/index.ts",
      `export const a = 1`,
      "exports and nothing else"
    ],
    [
      "no internal of another, by path",
      retry,
      `import "../../circuit-breaker/src/internal/a.ts"`,
      "not ours to import"
    ],
    [
      "no internal of another, by name",
      `${pool}/A.ts`,
      `import "@fireweed/retry/internal/a"`,
      "does not export it"
    ],
    [
      "layers point down",
      `${pool}/protocol/Frame.ts`,
      `import "../transport/Process.ts"`,
      "leads to transport"
    ],
    [
      "layers point down, types too",
      `${pool}/worker/Worker.ts`,
      `import type { A } from "../pool/A.ts"`,
      "leads to pool"
    ],
    ["layers point down through others", `${pool}/PoolError.ts`, `import "./pool/Pool.ts"`, "leads to pool"],
    [
      "effect is a peer",
      "packages/retry/package.json",
      JSON.stringify({ version: "1.0.0" }),
      "must be a peer"
    ],
    ["a README", "packages/retry/README.md", undefined, "has no README.md"],
    ["a LICENSE", "packages/retry/LICENSE", undefined, "has no LICENSE"],
    ["a deno.json", "packages/retry/deno.json", undefined, "has no deno.json"],
    ["one version", "packages/retry/deno.json", JSON.stringify({ version: "1.0.1" }), "deno.json 1.0.1"],
    ["a new package says what it needs", "packages/new/package.json", "{}", "not in the table"],
    [
      "test-kit's users run again",
      "packages/worker-pool/test/a.test.ts",
      `import "@fireweed/test-kit"`,
      "no edge"
    ]
  ]
  for (const [rule, file, text, complaint] of broken) {
    it(`complains: ${rule}`, () => {
      const found = withFile(file, text)
      assert.isTrue(
        found.some((line) => line.includes(complaint)),
        `expected "${complaint}" among ${JSON.stringify(found)}`
      )
    })
  }

  it("refuses what package.json names beyond the table", () => {
    const [[file, text] = ["", ""]] = package_("retry", {
      dependencies: { "@fireweed/worker-pool": "workspace:^" }
    })
    assert.deepStrictEqual(withFile(file, text), [
      "packages/retry/package.json: must not depend on @fireweed/worker-pool"
    ])
  })

  it("accepts test-kit in tests when turbo.json has the edge", () => {
    const turbo = `{ "@fireweed/worker-pool#test": {\n "dependsOn": ["transit", "@fireweed/test-kit#transit"] } }`
    const test = ["packages/worker-pool/test/a.test.ts", `import "@fireweed/test-kit"`] as const
    assert.deepStrictEqual(complaints(new Map([...sound, ["turbo.json", turbo], test])), [])
  })
})

describe("imports", () => {
  it("finds static, multi-line, type, side-effect, dynamic imports and re-exports", () => {
    const source = `import a from "a"
import {
  b,
  type c
} from "b"
import type * as d from 'd'
import "e"
export * as f from "f"
export type { g } from "g"
const h = await import("h")
type I = import("i").I
`
    assert.deepStrictEqual(
      importsOf(source).toSorted((x, y) => x.localeCompare(y)),
      ["a", "b", "d", "e", "f", "g", "h", "i"]
    )
  })

  it("ignores what a comment imports, and is not fooled by a string that looks like a comment", () => {
    const source = `/** import x from "x" */
// import "y"
const url = "https://a" // import "z"
import a from "a"
const text = "no /* comment"
import b from "b"
`
    assert.deepStrictEqual(importsOf(source), ["a", "b"])
  })

  it("knows a module of exports", () => {
    assert.isTrue(
      onlyExports(`/** Doc. */\nexport * as A from "./A.ts"\nexport { type B, c } from "./B.ts"\n`)
    )
    assert.isTrue(onlyExports("export {}\n"))
    assert.isFalse(onlyExports(`export * from "./a.ts"\nexport const b = 1\n`))
    assert.isFalse(onlyExports(`import "./a.ts"\n`))
  })
})
