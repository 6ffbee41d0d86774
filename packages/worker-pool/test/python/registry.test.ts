/** What Python exposes, and a strict pool; with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import type { Frame } from "@fireweed/worker-pool/protocol"
import { Process } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import process from "node:process"
import { invalid, pool } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

const exposed = (options: WorkerPool.Options = {}) =>
  pool({ pythonPath: [here], preload: ["exposed"], ...options })

describe("exports", () => {
  it.live("have names, kinds, targets and signatures", () =>
    Effect.gen(function* () {
      const workers = yield* exposed()
      const exports: WorkerPool.Exports = yield* workers.exports
      assert.deepStrictEqual(exports["score"], {
        kind: "function",
        target: "exposed:score",
        params: [
          { name: "text", kind: "positional-only", default: false, annotation: "str" },
          { name: "weight", kind: "positional-or-keyword", default: true, annotation: "float" },
          { name: "parts", kind: "var-positional", default: false, annotation: "NoSuchName" },
          { name: "exact", kind: "keyword-only", default: false, annotation: "bool" },
          { name: "rest", kind: "var-keyword", default: false }
        ],
        returns: "dict[str, list[int]]",
        doc: "Score a text.\n\nIn detail."
      })
      assert.deepStrictEqual(Object.keys(exports["Counter"]?.methods ?? {}), [
        "add",
        "later",
        "named",
        "double"
      ])
      assert.strictEqual(exports["async_items"]?.kind, "async-generator")
    })
  )

  it.live("are called by their names, and by their targets", () =>
    Effect.gen(function* () {
      const workers = yield* exposed()
      assert.strictEqual(yield* workers.call("slow score", ["x"]), "x")
      assert.strictEqual(yield* workers.call("exposed:_slow", ["x"]), "x")
      const counter = yield* workers.session("c", "Counter", [5])
      assert.strictEqual(yield* counter.call("add", [2]), 7)
      assert.strictEqual(yield* counter.call("later"), 7)
    })
  )

  it.live("that are not there are refused by Python, which knows what is close", () =>
    Effect.gen(function* () {
      const workers = yield* exposed()
      const { message, reason, started } = yield* invalid(workers.call("scor"))
      assert.deepStrictEqual([reason, started], ["target", "no"])
      assert.include(message, "is it 'score'?")
    })
  )
})

describe("a strict pool", () => {
  it.live("calls what is exposed, and refuses the rest before it is sent", () =>
    Effect.gen(function* () {
      const workers = yield* exposed({ strict: true })
      assert.strictEqual(yield* workers.call("slow score", ["x"]), "x")
      assert.strictEqual(yield* workers.call("exposed:_slow", ["x"]), "x")
      for (const target of ["exposed:hidden", "builtins:eval", "os:system", "nothing", "a:b:c", ""]) {
        const { message, reason, started } = yield* invalid(workers.call(target, ["1"]))
        assert.deepStrictEqual([reason, started], ["target", "no"])
        assert.include(message, "is not exposed (strict)")
      }
      assert.include((yield* invalid(workers.call("scores"))).message, `is it "score"`)
      // Two good ones, and nothing else has reached the worker.
      assert.strictEqual((yield* workers.snapshot).workers[0]?.served, 2)
    })
  )

  it.live("has sessions of exposed classes alone, and calls no method with an underscore", () =>
    Effect.gen(function* () {
      const workers = yield* exposed({ strict: true })
      const counter = yield* workers.session("c", "Counter", [5])
      assert.strictEqual(yield* counter.call("add", [2]), 7)
      for (const method of ["_secret", "__init__", "__class__"]) {
        assert.strictEqual((yield* invalid(counter.call(method))).reason, "target")
      }
      assert.include(
        (yield* invalid(Effect.scoped(workers.session("d", "score")))).message,
        "is made of a class"
      )
      assert.strictEqual(
        (yield* invalid(Effect.scoped(workers.session("e", "collections:Counter")))).reason,
        "target"
      )
      assert.strictEqual((yield* workers.snapshot).sessions, 1)
    })
  )

  it.live("is strict in Python too, whatever the parent sends", () =>
    Effect.gen(function* () {
      const interpreter = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      const connect = Process.connect({ interpreter, cwd: process.cwd(), env: {}, maxFrame: 2 ** 30 })
      // The parent is confused: it does not know that it is strict, but it has told the worker so.
      const confused: Transport.Connect = (identity, events) =>
        Effect.map(connect(identity, events), (transport) => ({
          ...transport,
          send: (frame) => transport.send(frame.kind === 1 ? strict(frame) : frame)
        }))
      const workers = yield* exposed({ connect: confused })
      assert.strictEqual(yield* workers.call("slow score", ["x"]), "x")
      const { message, reason, started } = yield* invalid(workers.call("builtins:eval", ["1"]))
      assert.deepStrictEqual([reason, started], ["target", "no"])
      assert.include(message, "'builtins:eval' is not exposed (strict)")
      const counter = yield* workers.session("c", "exposed:Counter")
      assert.strictEqual((yield* invalid(counter.call("_secret"))).reason, "target")
    })
  )

  it.live("without anything exposed says what to do", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ strict: true })
      assert.include((yield* invalid(workers.call("math:sqrt", [1]))).message, "preload or setup")
    })
  )
})

/** INIT with `strict` set. */
const strict = (frame: Frame.Outgoing): Frame.Outgoing => {
  const text = frame.pieces.map((piece) => new TextDecoder().decode(piece)).join("")
  assert.include(text, '"strict":false')
  return { ...frame, pieces: [new TextEncoder().encode(text.replace('"strict":false', '"strict":true'))] }
}
