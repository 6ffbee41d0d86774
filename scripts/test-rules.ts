/**
 * What holds for the tests themselves, read from their sources: unit tests meet neither real time nor real processes, no test is left
 * out unseen, and none has time to be slow in. Patterns and a syntax tree, well enough for this repository.
 */
import { parseAst } from "vitest/node"
import { codeOnly, importsOf } from "./imports.ts"

/**
 * The files that test what is real: the clock of the machine, processes, sockets. Beginnings of paths, or whole ones. All other tests are unit
 * tests.
 */
export const integration: ReadonlyArray<string> = [
  "apps/demo/test/SearchSession.test.ts",
  "apps/demo/test/main.test.ts",
  "packages/retry/test/http.test.ts",
  "packages/test-kit/test/Fixture.test.ts",
  "packages/test-kit/test/Leaks.test.ts",
  "packages/test-kit/test/fixtures.test.ts",
  "packages/test-kit/test/leakKinds.test.ts",
  "packages/test-kit/test/seed.test.ts",
  "packages/test-kit/test/vitest.test.ts",
  "packages/test-kit/test/waiting.test.ts",
  "packages/test-kit/test/workers/contract.test.ts",
  "packages/worker-pool/test/errors/",
  "packages/worker-pool/test/faults/",
  "packages/worker-pool/test/places.test.ts",
  "packages/worker-pool/test/pool/Reload.test.ts",
  "packages/worker-pool/test/promise/",
  "packages/worker-pool/test/protocol/pickle/python.test.ts",
  "packages/worker-pool/test/python/",
  "packages/worker-pool/test/transport/Rendezvous.test.ts"
]

/** Whether a file is one of unit tests. */
export const isUnit = (file: string): boolean => !integration.some((path) => file.startsWith(path))

/** Modules by which processes, threads, sockets and real timers come. */
const REAL_MODULES = new Set(
  [
    "child_process",
    "cluster",
    "dgram",
    "http",
    "https",
    "net",
    "timers",
    "timers/promises",
    "worker_threads"
  ].map((name) => `node:${name}`)
)

const REAL_CALLS: ReadonlyArray<RegExp> = [
  /\b\w*[tT]est\.live\b|\bit\.live\b/,
  /\bwithLive\b/,
  /\bset(?:Timeout|Interval)\s*\(/,
  /\bAtomics\.wait\b/,
  /\bEffect\.run(?:Promise|Fork|Callback)(?:Exit|With|ExitWith)?\s*\((?!context\b)/,
  // The pool of real workers that integration tests share, and what goes with it.
  /\bimport\s*\{[^}]*\b(?:pool|pythonWithNumpy)\b[^}]*\}\s*from\b/
]

/** The names of what is real in a test: an import, a call, a pool with no workers in memory. */
export const realIn = (source: string): ReadonlyArray<string> => {
  const code = codeOnly(source)
  return [
    ...importsOf(source).filter((name) => REAL_MODULES.has(name)),
    ...REAL_CALLS.flatMap((pattern) => pattern.exec(code)?.[0] ?? []),
    ...poolsOfProcesses(source)
  ]
}

/** Pools that would start Python: made with no `connect`, and not with an interpreter that is nowhere. */
const poolsOfProcesses = (source: string): ReadonlyArray<string> =>
  /\bWorkerPool\.make\b|\blayerWith\b|\bcreatePool\b/.test(codeOnly(source))
    ? nodesOf(source, "CallExpression").flatMap(([call]) => {
        const text = textOf(source, call)
        const made = /^(?:WorkerPool\.make|\w+\.layerWith|createPool)\(/.exec(text)
        return made === null || /\bconnect\b|"\/nowhere\//.test(text) ? [] : [made[0]]
      })
    : []

/** What leaves a test out and does not report it, or leaves out all others: each with its line. */
export const unseenIn = (source: string): ReadonlyArray<string> => [
  ...[...codeOnly(source).matchAll(/\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|todo|only)\b/g)].map(
    ([text]) => text
  ),
  ...(/\breturn(?: Effect\.void)?;?$/m.test(source) ? earlyReturns(source) : [])
]

/** A condition under which the body of a test returns before its end: it would pass without having tested anything. */
const earlyReturns = (source: string): ReadonlyArray<string> =>
  nodesOf(source, "ReturnStatement").flatMap(([statement, above]) => {
    const text = textOf(source, statement)
    const isEarly = above.some(({ type }) => type === "IfStatement")
    return isEarly && /^return(?: Effect\.void)?;?$/.test(text) && isTestBody(source, above)
      ? [`${text}, line ${lineOf(source, statement)}`]
      : []
  })

/** Whether the innermost function is that of a test, or a generator of an effect that the test consists of. */
const isTestBody = (source: string, above: ReadonlyArray<Node>): boolean => {
  for (const [index, node] of above.entries()) {
    if (!isFunction(node)) continue
    const call = above[index + 1]
    if (call?.type !== "CallExpression") return false
    const text = textOf(source, call)
    if (/^(?:it|test)\b/.test(text)) return true
    if (!/^(?:Effect\.gen|with\w+)\(/.test(text)) return false
  }
  return false
}

/** Limits of time above this, in milliseconds: a test that needs one is slow, and would go on to be. */
export const MOST_TIME = 60_000

/** Limits of time that are padded. */
export const paddingIn = (source: string): ReadonlyArray<string> =>
  [...codeOnly(source).matchAll(/\b(?:testTimeout|hookTimeout|timeout): ([\d_]+)/g)].flatMap(
    ([text, limit = ""]) => (Number(limit.replaceAll("_", "")) > MOST_TIME ? [text] : [])
  )

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
}

const isNode = (u: unknown): u is Node =>
  typeof u === "object" && u !== null && "type" in u && typeof u.type === "string"

const isFunction = ({ type }: Node): boolean => /^(?:ArrowFunction|Function)/.test(type)

const textOf = (source: string, { end, start }: Node): string => source.slice(start, end)

const lineOf = (source: string, { start }: Node): number => source.slice(0, start).split("\n").length

/** All nodes of a type, each with those around it, innermost first. */
const nodesOf = (source: string, type: string): ReadonlyArray<readonly [Node, ReadonlyArray<Node>]> => {
  const found: Array<readonly [Node, ReadonlyArray<Node>]> = []
  const visit = (value: unknown, above: ReadonlyArray<Node>): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, above)
    else if (isNode(value)) {
      if (value.type === type) found.push([value, above])
      for (const each of Object.values(value)) visit(each, [value, ...above])
    }
  }
  visit(parseAst(source, { lang: "ts" }), [])
  return found
}
