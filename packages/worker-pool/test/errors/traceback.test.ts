/** A traceback is what Python prints, line by line, without the marks below source. */
import { assert, it } from "@effect/vitest"
import { pool } from "../support.ts"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const withoutMarks = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .filter((line) => !/^[ |]*[~^]+$/.test(line))
    .join("\n")

it.live("every exception reads as Python prints it", () =>
  Effect.gen(function* () {
    const { call } = yield* pool()
    const names = yield* call("raising:names", [], { result: Schema.Array(Schema.String) })
    yield* Effect.forEach(names, (name) =>
      Effect.gen(function* () {
        const printed = yield* call("raising:printed", [name], { result: Schema.String })
        const error = yield* Effect.flip(call(`raising:${name}`))
        const traceback = error._tag === "PythonError" ? error.traceback : assert.fail(String(error))
        assert.strictEqual(withoutMarks(traceback), withoutMarks(printed), name)
      })
    )
    assert.isAbove(names.length, 5)
    const error = yield* Effect.flip(call("raising:syntax"))
    assert.include(String(error.stack), "\n    value = = 1\n            ^\nSyntaxError: invalid syntax")
  }).pipe(Effect.scoped)
)
