/** What is printed of an error says all of it: what happened, to whom, where in Python, and what to do. */
import { assert, describe, it } from "@effect/vitest"
import { CallError, MapError } from "@fireweed/worker-pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { here } from "../faults/parent.ts"

const raised = (): CallError.PythonError =>
  CallError.stackless(
    () =>
      new CallError.PythonError({
        reason: "raised",
        target: "rows:score",
        worker: "1.1",
        exception: {
          type: "ValueError",
          message: "bad row",
          frames: [["/app/rows.py", 7, "score", "raise ValueError('bad row')"]],
          notes: ["row 3"],
          context: { type: "KeyError", message: "'weight'", frames: [] }
        }
      })
  )

const HEADLINE =
  "PythonError: rows:score on worker 1.1: ValueError: bad row; see `traceback`; retry only if the function may be run twice"
const TRACEBACK = `KeyError: 'weight'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/rows.py", line 7, in score
    raise ValueError('bad row')
ValueError: bad row
row 3`

const hung = (stack: string): CallError.WorkerLost =>
  new CallError.WorkerLost({
    reason: "stuck",
    target: "rows:score",
    worker: "1.1",
    started: "maybe",
    exitCode: null,
    signal: "SIGKILL",
    detail: "killed: it did not stop",
    stderr: "",
    diagnosis: { state: "gil-held", stack }
  })

const failed = (reason: CallError.CallError): MapError.MapError =>
  CallError.stackless(() => new MapError.MapError({ target: "rows:score", index: 7, count: 1, reason }))

describe("an error of Python", () => {
  it("is printed with its traceback, and what a program decides by", () => {
    assert.strictEqual(inspect(raised()), `${HEADLINE}\n${TRACEBACK} { reason: 'raised', started: 'maybe' }`)
    assert.include(inspect({ rows: [raised()] }), "During handling of the above exception")
  })

  it("has them in its stack, wherever it was made", () => {
    assert.strictEqual(raised().stack, `${HEADLINE}\n${TRACEBACK}`)
    const decoded = Schema.decodeUnknownSync(CallError.CallError)(
      Schema.encodeSync(CallError.CallError)(raised())
    )
    assert.strictEqual(decoded.stack, `${HEADLINE}\n${TRACEBACK}`)
  })

  it("is one of a cause that Effect prints", () => {
    assert.strictEqual(Cause.pretty(Cause.fail(raised())), `${HEADLINE}\n${TRACEBACK}`)
  })

  it("lets others write its stack, as they may of any error", () => {
    const error = raised()
    error.stack = "another"
    assert.strictEqual(error.stack, "another")
  })

  it("is its fields as JSON, and nothing twice", () => {
    const { exception, reason, target, worker } = raised()
    assert.deepStrictEqual(JSON.parse(JSON.stringify(raised())), {
      _tag: "PythonError",
      reason,
      target,
      worker,
      exception
    })
    assert.notInclude(Object.keys(raised()), "stack")
  })
})

describe("a worker that hung", () => {
  it("is printed with the stacks of its threads, when they could be had", () => {
    const stack = 'Thread 1 (most recent call first):\n  File "/app/rows.py", line 7 in score'
    assert.strictEqual(
      inspect(hung(stack)),
      `WorkerLost: ${hung("").message}\n${stack} { reason: 'stuck', started: 'maybe' }`
    )
    assert.match(inspect(hung("")), /^WorkerLost: rows:score: worker 1\.1 is gone \(killed.*\n +at /)
  })
})

it("any other error is printed as its message, and what a program decides by", () => {
  const closed = CallError.stackless(
    () =>
      new CallError.InvalidCall({ reason: "target", target: "a:b", detail: "no such thing", started: "no" })
  )
  assert.strictEqual(inspect(closed), `InvalidCall: ${closed.message} { reason: 'target', started: 'no' }`)
})

it.live("a program that ends by an error, and one that logs it, show all of it", () =>
  Effect.gen(function* () {
    const program = fileURLToPath(new URL("../fixtures/uncaught.ts", import.meta.url))
    const { code, stderr, stdout } = yield* Effect.callback<{
      code: unknown
      stderr: string
      stdout: string
    }>((resume) => {
      const env = { ...process.env, NO_COLOR: "1" }
      const child = execFile(here.command, [...here.args, program], { env }, (error, stdout, stderr) =>
        resume(Effect.succeed({ code: error?.code, stderr, stdout }))
      )
      return Effect.sync(() => child.kill("SIGKILL"))
    })
    const all = `${HEADLINE}
Traceback (most recent call last):
  File "/app/rows.py", line 5, in score
    row['weight']
KeyError: 'weight'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/rows.py", line 7, in score
    raise ValueError('bad row') from error
ValueError: bad row
row 3`
    const [printed, uncaught] = stderr.split("{ reason: 'raised', started: 'maybe' }\n")
    assert.strictEqual(printed, `${all} `)
    assert.include(uncaught, all)
    assert.include(stdout, `no score ${all}`)
    assert.strictEqual(code, 1)
  })
)

describe("an error of a map", () => {
  it("is printed as its reason is, with its item", () => {
    assert.strictEqual(
      inspect(failed(raised())),
      `MapError: item 7: ${HEADLINE.replace("PythonError: ", "")}\n${TRACEBACK} { index: 7, count: 1, reason: 'PythonError raised', started: 'maybe' }`
    )
    assert.include(inspect(failed(hung("File app.py, line 3"))), "File app.py, line 3 { index: 7")
  })

  it("without a place in Python it is one line", () => {
    const reason = CallError.stackless(
      () => new CallError.InvalidCall({ reason: "target", target: "f", detail: "no f", started: "no" })
    )
    assert.strictEqual(inspect(failed(reason)).split("\n").length, 1)
    assert.match(
      inspect(failed(reason)),
      /^MapError: item 7: f: no f; .*\{ index: 7, count: 1, reason: 'InvalidCall target'/
    )
  })
})
