import { assert, describe, it } from "@effect/vitest"
import { Fixture } from "@fireweed/test-kit"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pythonPath } from "../src/Demo.ts"
import * as Faults from "../src/Faults.ts"
import * as Meter from "../src/Meter.ts"
import * as SearchSession from "../src/SearchSession.ts"

noLeaks()

const openPool = WorkerPool.make({ size: 2, pythonPath: [pythonPath] })

/** Two modules with three functions, and a file that is no Python. */
const corpus = Effect.map(Fixture.temporaryFolder(), ({ value: path }) => {
  writeFileSync(
    join(path, "one.py"),
    "def f():\n    apple = pear\n\ndef g():\n    return apple, apple, apple\n"
  )
  writeFileSync(join(path, "two.py"), "\ndef h(plum): pass\n")
  writeFileSync(join(path, "broken.py"), "def (:\n")
  return path
})

/** BM25 as in the literature, for one word. */
const bm25 = (documents: number, containing: number, frequency: number, length: number, average: number) =>
  (Math.log(1 + (documents - containing + 0.5) / (containing + 0.5)) * frequency * 2.2) /
  (frequency + 1.2 * (0.25 + (0.75 * length) / average))

describe("on a made corpus", () => {
  it.live("the numbers, the hits, their places and their scores are exact", () =>
    Effect.gen(function* () {
      const pool = yield* openPool
      const root = yield* corpus
      const session = yield* SearchSession.make({ pool, meter: Meter.make(), package: "all", root })
      const progress = yield* session.index
      // Modules one and two; functions f, g and h. A file that does not parse is counted, and holds nothing.
      assert.deepStrictEqual(progress, { done: 3, total: 3, lines: 8, definitions: 5, words: 11 })

      // Lengths: the words of the text, and the name three times more. one: 3, two: 3,
      // f: def f apple pear + 3 = 7, g: def g return apple apple apple + 3 = 9, h: def h plum pass + 3 = 7.
      const average = (3 + 3 + 7 + 9 + 7) / 5
      const hits = yield* session.search("Apple", 10)
      assert.deepStrictEqual(
        hits.map(({ score: _, ...hit }) => hit),
        [
          { file: "one.py", line: 5, name: "g", snippet: "return apple, apple, apple" },
          { file: "one.py", line: 2, name: "f", snippet: "apple = pear" }
        ]
      )
      assert.closeTo(hits[0]?.score ?? 0, bm25(5, 2, 3, 9, average), 1e-4)
      assert.closeTo(hits[1]?.score ?? 0, bm25(5, 2, 1, 7, average), 1e-4)
      assert.deepStrictEqual(yield* session.search("mango", 10), [])
      assert.lengthOf(yield* session.search("def", 2), 2)
    })
  )
})

describe("on the standard library", () => {
  it.live("ranks what was meant first, and heals when its worker is killed", () =>
    Effect.gen(function* () {
      const pool = yield* openPool
      const meter = Meter.make()
      const events: Array<string> = []
      const session = yield* SearchSession.make({
        pool,
        meter,
        package: "json",
        watch: {
          onLost: (error) => Effect.sync(() => events.push(error._tag)),
          onReopened: () => Effect.sync(() => events.push("reopened"))
        }
      })
      const { done, total } = yield* session.index
      assert.strictEqual(done, total)
      const before = yield* session.search("raw decode", 5)
      assert.strictEqual(before[0]?.name, "JSONDecoder.raw_decode")
      assert.strictEqual(before[0]?.file, "json/decoder.py")
      assert.deepStrictEqual(
        before.map(({ score }) => score),
        before.map(({ score }) => score).toSorted((a, b) => b - a)
      )

      const killed: Array<Faults.Victim> = []
      const after = yield* Faults.killUnder(
        pool,
        session.search("raw decode", 5),
        (victim) => Effect.sync(() => killed.push(victim)),
        session.worker()
      )
      assert.deepStrictEqual(after, before)
      assert.lengthOf(killed, 1)
      assert.notStrictEqual(session.worker(), killed[0]?.worker)
      assert.deepStrictEqual(events, ["WorkerLost", "SessionError", "reopened"])
      assert.deepStrictEqual(Faults.alive(killed.map(({ pid }) => pid)), [])
    })
  )

  it.live("a package that does not exist is the caller's error, not a loss", () =>
    Effect.gen(function* () {
      const pool = yield* openPool
      const error = yield* Effect.flip(SearchSession.make({ pool, meter: Meter.make(), package: "nosuch" }))
      assert.strictEqual(error._tag, "PythonError")
      assert.include(error.message, "no package 'nosuch'")
    })
  )
})
