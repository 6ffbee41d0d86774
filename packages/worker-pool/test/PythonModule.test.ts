/** Descriptions of Python modules that make no sense. */
import { assert, it } from "@effect/vitest"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const refused = (describe: () => unknown, message: string) => assert.throws(describe, TypeError, message)

it("names must be names in Python", () => {
  for (const name of ["my-module", "1a", "", "a..b", "a.", "class", "a.def", "a:b", "./a.py", "ﬁ"])
    refused(() => PythonModule.make(name, {}), "cannot have that name in Python")
  for (const name of ["größe", "_private", "名前", "a1", "Klass"]) {
    const module = PythonModule.make(`package.${name}`, {
      [name]: PythonModule.fn({ args: { [name]: Schema.Int } })
    })
    assert.strictEqual(module.key, name)
  }
  refused(() => PythonModule.make("a", { "b-c": PythonModule.fn() }), 'the member "b-c"')
  refused(() => PythonModule.fn({ args: { lambda: Schema.Int } }), 'PythonModule.fn: the argument "lambda"')
  refused(() => PythonModule.session({ methods: { "a b": PythonModule.fn() } }), 'the method "a b"')
})

it("options must be known, and of their kind", () => {
  const a = Schema.Int
  assert.deepStrictEqual(PythonModule.fn({ args: { a }, positional: ["a"] }).positional, ["a"])
  refused(() => PythonModule.fn({ args: { a }, positional: ["a", "a"] }), 'positional has "a" twice')
  refused(
    () => PythonModule.fn({ args: { a: Schema.optionalKey(a), b: a }, positional: ["a", "b"] }),
    'positional has "b" behind "a", which may be left out'
  )
  refused(() => PythonModule.fn({ deadline: 0 }), 'at ["deadline"]')
  refused(() => PythonModule.stream({ credit: 0 }), 'at ["credit"]')
  refused(() => PythonModule.fn(JSON.parse('{"args":{"a":"int"}}')), 'at ["args"]["a"]')
  refused(() => PythonModule.fn(JSON.parse('{"retries":3}')), 'at ["retries"]')
  refused(() => PythonModule.session(JSON.parse("{}")), 'at ["methods"]')
  refused(() => PythonModule.make("a", JSON.parse('{"b":{}}')), 'the member "b" is not made by PythonModule')
})

it("methods must be such as a session can call", () => {
  const method = PythonModule.fn()
  assert.strictEqual(PythonModule.session({ methods: { pool: method } }).methods.pool, method)
  refused(() => PythonModule.session({ methods: { _hidden: method } }), "only public ones")
  refused(() => PythonModule.session({ methods: { session: method } }), 'session.call("session")')
  refused(
    () => PythonModule.session(JSON.parse('{"methods":{"a":{"_tag":"Session"}}}')),
    'the method "a" is not made by'
  )
})

/** The end of a pool that has modules of these names. */
const start = (...names: ReadonlyArray<string>) =>
  Effect.scoped(
    WorkerPool.make({
      modules: names.map((name) => PythonModule.make(name, {})),
      connect: () => Effect.die("started")
    })
  ).pipe(
    Effect.as("started"),
    Effect.catchDefect((defect) => Effect.succeed(String(defect)))
  )

it.effect("modules of one pool must have different keys", () =>
  Effect.gen(function* () {
    assert.include(
      yield* start("a.b", "c", "b"),
      'TypeError: WorkerPool.make: "a.b" and "b" both have the key "b"'
    )
    assert.include(yield* start("my.pool"), "is taken by the pool itself")
  })
)
