/** The tests themselves, and what keeps them honest. `docs/guarantees.md` has the list. */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import config from "../../vitest.config.ts"
import { printed } from "../tally.ts"
import * as Rules from "../test-rules.ts"

const root = path.resolve(import.meta.dirname, "../..")
const tests: ReadonlyArray<readonly [file: string, source: string]> = globSync(
  "{packages,apps}/*/test/**/*.test.ts",
  { cwd: root, exclude: (name) => name === "node_modules" }
).map((file) => [file.replaceAll(path.sep, "/"), readFileSync(path.join(root, file), "utf8")])

/** What a rule says of each of these files, for those of which it says something. */
const said = (rule: (source: string) => ReadonlyArray<string>, files = tests) =>
  files.flatMap(([file, source]) => rule(source).map((what) => `${file}: ${what}`))

describe("D2 no unit test waits for real time or a real process", () => {
  it("has no real clock, timer, process, socket, or pool of Pythons", () => {
    assert.deepStrictEqual(
      said(
        Rules.realIn,
        tests.filter(([file]) => Rules.isUnit(file))
      ),
      []
    )
  })

  it("those that have are few, named one by one, and need it", () => {
    for (const path of Rules.integration) {
      const files = tests.filter(([file]) => file.startsWith(path))
      assert.isNotEmpty(said(Rules.realIn, files), path)
    }
    assert.isAbove(tests.filter(([file]) => Rules.isUnit(file)).length, tests.length / 2)
  })

  const real = [
    `it.live("a", () => Effect.sleep(1))`,
    `effectTest.live("a", () => Effect.sleep(1))`,
    `yield* TestClock.withLive(Effect.sleep(1))`,
    `await new Promise((resolve) => setTimeout(resolve, 10))`,
    `await Effect.runPromise(Effect.sleep(1))`,
    `import { spawn } from "node:child_process"`,
    `import { setTimeout as sleep } from "node:timers/promises"`,
    `import { pool, record } from "../support.ts"`,
    `const pool = yield* WorkerPool.make({ size: 1 })`,
    `Effect.provide(used, Pool.layerWith({ codec: "json" }))`
  ]
  for (const source of real) it(`${source} is real`, () => assert.isNotEmpty(Rules.realIn(source)))

  const virtual = [
    `it.effect("a", () => Effect.sleep(1))`,
    `// it.live and setTimeout(f)`,
    `import { record } from "../support.ts"`,
    `const pool = yield* WorkerPool.make({ size: 1, connect: mock.connect })`
  ]
  for (const source of virtual) it(`${source} is not`, () => assert.deepStrictEqual(Rules.realIn(source), []))
})

describe("D80 slowness is not padded", () => {
  it("no test has more than a minute, and no other limit of time is raised above it", () => {
    assert.deepStrictEqual(said(Rules.paddingIn), [])
    assert.deepStrictEqual(Rules.paddingIn(`it("a", { timeout: 60_001 }, f)`), ["timeout: 60_001"])
    assert.deepStrictEqual(Rules.paddingIn(`it("a", { timeout: 60_000 }, f)`), [])
  })
})

describe("D81 expected logs are captured and asserted", () => {
  const tests = [
    { id: "1", fullName: "one", ok: () => true },
    { id: "2", fullName: "two", ok: () => false }
  ]

  it("what a test that passes prints fails the run, with its name; what is printed outside of tests, too", () => {
    const logs = [{ taskId: "1", content: "a warning\n" }, { content: "stray" }]
    assert.deepStrictEqual(printed(tests, logs), ["one: a warning", "outside of tests: stray"])
  })

  it("not the cause of a test that has failed, nor what is told of other programs", () => {
    const others = "WARN: ended a process that a program that is gone left behind: 12"
    assert.deepStrictEqual(
      printed(tests, [
        { taskId: "2", content: "its cause" },
        { taskId: "1", content: others }
      ]),
      []
    )
  })

  it("every run counts it", () => {
    assert.include(config.test?.reporters, "./scripts/tally.ts")
    assert.include(readFileSync(path.join(root, ".ci/run"), "utf8"), "--reporter=./scripts/tally.ts")
  })
})

describe("D81 a test that does not run is reported as skipped", () => {
  it("none is left out, and none returns before its end", () => {
    assert.deepStrictEqual(said(Rules.unseenIn), [])
  })

  const unseen = [
    `it.skip("a", () => {})`,
    `describe.only("a", () => {})`,
    `it.effect.todo("a")`,
    `it("a", () => {\n  if (none) return\n  assert.ok(b)\n})`,
    `it.effect("a", () =>\n  Effect.gen(function* () {\n    if (none) {\n      return\n    }\n    yield* b\n  })\n)`,
    `it("a", () =>\n  withPool(async () => {\n    if (none) return\n    b()\n  }))`,
    `it.live("a", () => {\n  if (none)\n    return Effect.void\n  return b\n})`
  ]
  for (const source of unseen)
    it(`${source.replaceAll(/\s+/g, " ")} is not seen`, () => assert.lengthOf(Rules.unseenIn(source), 1))

  const seen = [
    `it.skipIf(none)("a", () => {})`,
    `it("a", () => {\n  items.forEach((item) => {\n    if (item.none) return\n    b(item)\n  })\n})`,
    `const helper = () => {\n  if (none) return\n  b()\n}`
  ]
  for (const source of seen)
    it(`${source.replaceAll(/\s+/g, " ")} is`, () => assert.deepStrictEqual(Rules.unseenIn(source), []))
})
