import { assert, describe, it } from "@effect/vitest"
import { Py, PythonEnvironment } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { inflateSync } from "node:zlib"
import * as Embedded from "../../src/internal/embedded.ts"
import * as PythonRuntime from "../../src/PythonRuntime.ts"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { pool } from "../support.ts"

noLeaks()

/** As where there are no files. */
const embedded = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.andThen(
      Effect.acquireRelease(
        Effect.sync(() => {
          process.env["FIREWEED_EMBEDDED"] = "1"
        }),
        () =>
          Effect.sync(() => {
            delete process.env["FIREWEED_EMBEDDED"]
          })
      ),
      effect
    )
  )

const calls: ReadonlyArray<readonly [target: string, args: ReadonlyArray<unknown>]> = [
  ["sample:echo", [1, "two", [3.5, null], new Map([[1, new Set([2])]])]],
  ["decimal:Decimal", ["1.10"]],
  ["fractions:Fraction", [1, 3]],
  ["zlib:compress", [new Uint8Array(100_000)]],
  ["operator:itemgetter", [1]],
  ["sample:fail", ["on purpose"]],
  ["sample:leave", [3]],
  ["sample:nothing_of_that_name", []],
  ["no_such_module:f", []],
  ["json:loads", ["{"]],
  ["sample:not_json", []],
  ["values:identity", [Py.dataclass("values", "Point", { x: 1, y: null })]],
  ["os:getcwd", []],
  ["sys:exc_info", []]
]

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    part instanceof Map || part instanceof Set ? [...part] : part instanceof Uint8Array ? part.length : part
  )

/** What comes of each, as text; a worker that dies is in it. */
const outcomes = Effect.gen(function* () {
  const workers = yield* pool({ cancelGrace: "5 seconds" })
  const said: Array<string> = []
  for (const [target, args] of calls) {
    const outcome = yield* Effect.match(workers.call(target, args), {
      onFailure: (error: CallError.CallError) => `${error._tag} ${show(error)} ${error.message}`,
      onSuccess: show
    })
    said.push(`${target}: ${outcome}`)
  }
  const late = yield* Effect.flip(workers.call("sample:sleep", [60], { deadline: "100 millis" }))
  said.push(`${late._tag}: ${late.message}`)
  const session = yield* workers.session("key", "sample:Counter", [5])
  yield* session.call("add", [2])
  said.push(show(yield* session.call("add", [1])))
  const lost = yield* Effect.flip(workers.call("sample:die", [9]))
  said.push(lost._tag === "WorkerLost" ? `${lost.detail} ${lost.stderr}` : lost._tag)
  said.push(show(yield* workers.call("math:sqrt", [16])))
  return said
})

describe("the runtime as one string", () => {
  it("is used where there are no files, in pieces that every system takes", () => {
    assert.deepStrictEqual(PythonRuntime.program(), {
      args: [fileURLToPath(PythonRuntime.bootScript)],
      env: {}
    })
    process.env["FIREWEED_EMBEDDED"] = "1"
    const { args, env } = PythonRuntime.program()
    delete process.env["FIREWEED_EMBEDDED"]
    assert.deepStrictEqual(args, ["-c", Embedded.loader])
    assert.isTrue(Object.entries(env).every(([name, value]) => name.length + value.length < 32_000))
    assert.deepStrictEqual(JSON.parse(Object.values(env).join("")), Embedded.files)
  })

  it("has all the files, and the module is under 128 KiB", () => {
    const root = new URL("../../", import.meta.url)
    for (const [name, text] of Object.entries(Embedded.files)) {
      assert.isTrue(existsSync(new URL(`python/${name}`, root)), name)
      assert.match(
        inflateSync(Buffer.from(text, "base64")).toString("utf8"),
        name === "fireweed/__init__.py" ? /Cancelled/ : /^(def|import|from) /m
      )
    }
    assert.isBelow(readFileSync(new URL("src/internal/embedded.ts", root)).length, 128 * 1_024)
  })

  it.live(
    "behaves like the files: values, errors with their tracebacks, cancellation, sessions, a death",
    () =>
      Effect.gen(function* () {
        const files = yield* Effect.scoped(outcomes)
        const string = yield* embedded(outcomes)
        assert.strictEqual(files.length, calls.length + 4)
        assert.deepStrictEqual(string, files)
        assert.notInclude(string.join("\n"), "<fireweed>")
      })
  )

  it.live("leaves no more of itself in sight of user code than the files do", () =>
    Effect.gen(function* () {
      const surroundings = Effect.scoped(
        Effect.flatMap(pool(), (workers) => workers.call("sample:surroundings"))
      )
      assert.deepStrictEqual(yield* embedded(surroundings), yield* surroundings)
    })
  )

  it.live("makes a zygote, and workers of it", () =>
    embedded(
      Effect.gen(function* () {
        const workers = yield* pool({ start: "zygote", preload: ["json"], size: 2 })
        assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
        assert.notStrictEqual(yield* workers.call("os:getppid"), process.pid)
        const error = yield* Effect.flip(workers.call("sample:fail", ["on purpose"]))
        assert.notInclude(error.message, "<fireweed>")
      })
    )
  )

  it.live("checks the environment", () =>
    embedded(
      Effect.gen(function* () {
        const python = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
        const found = yield* PythonEnvironment.check({ python, requires: ["json", "nothing-like-it"] })
        assert.deepStrictEqual(
          found.requires.map(({ met }) => met),
          [true, false]
        )
      })
    )
  )
})
