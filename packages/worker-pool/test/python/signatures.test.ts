/** Descriptions that do not match what Python has: the pool does not start, and shows both; with a real Python, and with a mock. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { MockWorker, Start } from "@fireweed/test-kit/workers"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { folder, pool, record, until } from "../support.ts"

noLeaks()

const pythonPath = [fileURLToPath(new URL(".", import.meta.url))]

/** The error of a pool that does not start. */
const refusal = (members: PythonModule.Members, options: WorkerPool.Options = {}, name = "described") =>
  Effect.flip(
    Effect.scoped(
      pool({ pythonPath, start: "spawn", modules: [PythonModule.make(name, members)], ...options })
    )
  )

const problems = (members: PythonModule.Members) =>
  Effect.map(refusal(members), ({ mismatches = [], reason }) => {
    assert.strictEqual(reason, "signature")
    return Object.fromEntries(
      mismatches.map(({ problems, target }) => [target.replace("described:", ""), problems])
    )
  })

const { fn, session, stream } = PythonModule
const rows = Schema.Array(Schema.Struct({ value: Schema.Finite }))

describe("a pool whose modules do not match Python is refused", () => {
  it.live("with both signatures, all disagreements at once, and what to do", () =>
    Effect.gen(function* () {
      const error = yield* refusal({
        score: fn({
          args: { row: rows, weight: Schema.String },
          positional: ["row"],
          success: Schema.String
        }),
        wolk: stream({ args: { root: Schema.String }, item: Schema.String }),
        power: fn({
          args: { base: Schema.Finite, exponent: Schema.optionalKey(Schema.Finite), modulus: Schema.Int },
          positional: ["base", "exponent"],
          success: Schema.Finite
        })
      })
      assert.strictEqual(error.reason, "signature")
      assert.deepStrictEqual([error.started, error.category], ["no", "initialization"])
      assert.strictEqual(
        error.message.replace(/^[^:]*/, "python"),
        [
          "python: what is described of 3 targets is not what Python has; change the description or the Python function",
          "  described:score",
          "    described: score({ row: Array<{ value: number }>, weight: string }): string, positional: row",
          "    Python:    def score(rows: List[dict], weight: float = ..., *, exact: bool = ...) -> float",
          '    - Python has no parameter "row"; is it "rows"?',
          '    - "weight" is string here, and float in Python',
          '    - Python requires "rows", which is not described',
          "    - it gives string here, and float in Python",
          "  described:wolk",
          "    described: wolk({ root: string }): Stream<string>",
          "    Python:    nothing of that name",
          '    - Python has no such function; is it "walk" or "awalk"?',
          "  described:power",
          "    described: power({ base: number, exponent?: number, modulus: number }): number, positional: base, exponent",
          "    Python:    def power(base: float, exponent: float, /, *, modulus: Optional[int] = ...) -> float",
          '    - "exponent" may be left out here, and not in Python'
        ].join("\n")
      )
    })
  )

  it.live("for ways to pass an argument that Python does not have", () =>
    Effect.gen(function* () {
      const number = Schema.Finite
      assert.deepStrictEqual(
        yield* problems({
          power: fn({ args: { base: number, exponent: number }, positional: ["base"] }),
          score: fn({ args: { rows, exact: Schema.Boolean }, positional: ["rows", "exact"] }),
          walk: stream({ args: { root: Schema.String, depth: Schema.Int }, positional: ["depth", "root"] })
        }),
        {
          power: ['Python takes "exponent" by position alone: put it into positional'],
          score: ['Python takes "exact" by name alone: take it out of positional'],
          walk: [
            '"root" is number 2 in positional, and number 1 in Python',
            '"depth" is number 1 in positional, and number 2 in Python'
          ]
        }
      )
    })
  )

  it.live("for functions of another kind", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* problems({
          walk: fn({ args: { root: Schema.String } }),
          awalk: fn({ args: { n: Schema.Int } }),
          score: stream({ args: { rows } }),
          slow: session({ methods: { upper: fn() } }),
          limit: fn()
        }),
        {
          walk: ["it is a generator in Python: describe it by PythonModule.stream"],
          awalk: ["it is a generator in Python: describe it by PythonModule.stream"],
          score: ["it gives float in Python, which is no iterator: describe it by PythonModule.fn"],
          slow: [
            "it is no class in Python, and a session is made of a class: describe it by PythonModule.fn or stream"
          ],
          "slow.upper": ["Python has no such method"],
          limit: ["in Python it is no function, but a value of type int"]
        }
      )
    })
  )

  it.live("for items and results of another type", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* problems({
          walk: stream({ args: { root: Schema.String }, item: Schema.Int }),
          slow: fn({ args: { text: Schema.Array(Schema.String) }, success: Schema.NullOr(Schema.Int) })
        }),
        {
          walk: ["it yields number here, and gives Iterator[str] in Python"],
          slow: [
            '"text" is Array<string> here, and str in Python',
            "it gives number | null here, and str in Python"
          ]
        }
      )
    })
  )

  it.live("for constructors and methods of classes", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* problems({
          Index: session({
            args: { nam: Schema.String },
            methods: {
              serch: fn({ args: { text: Schema.String } }),
              add: fn({ args: { text: Schema.String, at: Schema.Int } }),
              each: fn(),
              size: fn({ success: Schema.String })
            }
          }),
          Idex: session({ methods: {} })
        }),
        {
          Index: [
            'Python has no parameter "nam"; is it "name"?',
            'Python requires "name", which is not described'
          ],
          "Index.serch": ['Python has no such method; is it "search" or "each"?'],
          "Index.add": ['Python has no parameter "at"'],
          "Index.each": ["it is a generator in Python: describe it by PythonModule.stream"],
          "Index.size": ["it gives string here, and int in Python"],
          Idex: ['Python has no such class; is it "Index"?']
        }
      )
    })
  )

  it.live("for what a strict pool does not expose", () =>
    Effect.gen(function* () {
      const error = yield* refusal({ slow: fn({ args: { text: Schema.String } }) }, { strict: true })
      assert.include(error.message, "it is not exposed, and the pool is strict: put @fireweed.expose on it")
      const started = yield* pool({
        pythonPath,
        strict: true,
        modules: [PythonModule.make("exposed", { items: stream({ args: { n: Schema.Int } }) })]
      })
      assert.property(yield* started.exports, "items")
    })
  )

  it.live("when the module itself is not there, with the fix", () =>
    Effect.gen(function* () {
      const error = yield* refusal({}, {}, "nowhere")
      assert.strictEqual(error.reason, "init")
      assert.include(error.message, "add the folder that has it to pythonPath")
    })
  )

  it.live("in workers that are forked", () =>
    Effect.gen(function* () {
      const error = yield* refusal({ scores: fn() }, { start: "zygote" })
      assert.strictEqual(error.mismatches?.[0]?.problems[0], 'Python has no such function; is it "score"?')
    })
  )
})

it.live("what Python cannot tell without a call is taken as described", () =>
  Effect.gen(function* () {
    const Builtins = PythonModule.make("builtins", {
      max: fn({ args: { a: Schema.Int, b: Schema.Int }, positional: ["a", "b"], success: Schema.Int }),
      dict: fn({ args: { a: Schema.Int }, success: Schema.Struct({ a: Schema.Int }) })
    })
    const builtins = PythonModule.client(yield* pool({ modules: [Builtins] }), Builtins)
    assert.strictEqual(yield* builtins.max({ a: 1, b: 2 }), 2)
    assert.deepStrictEqual(yield* builtins.dict({ a: 1 }), { a: 1 })
  })
)

it.live("each worker is compared, since a file may have changed", () =>
  Effect.gen(function* () {
    const place = yield* folder
    const file = join(place, "changing.py")
    writeFileSync(file, "import os\ndef f(a): return a\ndef end(): os._exit(3)\n")
    const Changing = PythonModule.make("changing", {
      f: fn({ args: { a: Schema.Int }, success: Schema.Int }),
      end: fn()
    })
    const started = yield* pool({ pythonPath: [place], start: "spawn", modules: [Changing] })
    const events = yield* record(started)
    const changing = PythonModule.client(started, Changing)
    assert.strictEqual(yield* changing.f({ a: 1 }), 1)
    writeFileSync(file, "def f(b): return b\ndef end(): pass\n")
    assert.strictEqual((yield* Effect.flip(changing.end()))._tag, "WorkerLost")
    yield* until("the next worker is refused", () =>
      events.some(
        (event) => event._tag === "StartFailed" && event.error.mismatches?.[0]?.target === "changing:f"
      )
    )
    writeFileSync(file, "# as it was\nimport os\ndef f(a): return a\ndef end(): os._exit(3)\n")
    assert.strictEqual(yield* changing.f({ a: 2 }), 2)
  })
)

describe("a mock worker", () => {
  const Mocked = PythonModule.make("app", {
    score: fn({ args: { text: Schema.String }, success: Schema.Int }),
    Box: session({ methods: { size: fn({ success: Schema.Int }) } })
  })
  class Pool extends WorkerPool.Service<Pool>()("test/Mocked", { modules: [Mocked], size: 1 }) {}
  const script = { "app:score": ({ length }: string) => length, "app:Box": () => ({ size: () => 3 }) }

  it.effect("serves typed calls, and is not asked for signatures that it was not told", () =>
    Effect.gen(function* () {
      const { app } = yield* Pool
      const box = yield* app.Box("b")
      assert.strictEqual(yield* box.size(), 3)
    }).pipe(Effect.scoped, Effect.provide(Pool.layerWith({ connect: MockWorker.connect(script) })))
  )

  it.effect("is compared by those it was told", () =>
    Effect.gen(function* () {
      const start = Start.exposing({
        score: {
          target: "app:score",
          params: [{ name: "texts", kind: "positional-or-keyword", default: false, annotation: "list" }]
        },
        Box: {
          target: "app:Box",
          kind: "class",
          params: [],
          methods: { size: { kind: "generator", params: [] } }
        }
      })
      const connect = MockWorker.connect(script, { start })
      const error = yield* Effect.flip(
        Effect.scoped(WorkerPool.make({ size: 1, modules: [Mocked], connect }))
      )
      assert.deepStrictEqual(
        error.mismatches?.map(({ problems, python }) => [python, ...problems]),
        [
          [
            "def score(texts: list)",
            'Python has no parameter "text"; is it "texts"?',
            'Python requires "texts", which is not described'
          ],
          ["generator def size()", "it is a generator in Python: describe it by PythonModule.stream"]
        ]
      )
    })
  )
})
