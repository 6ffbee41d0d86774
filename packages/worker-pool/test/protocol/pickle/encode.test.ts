import { assert, describe, it } from "@effect/vitest"
import { encode, Py } from "./subject.ts"

const refusal = (value: unknown, root: string | ReadonlyArray<string> = "value"): string => {
  const encoded = encode(value, root)
  return "_tag" in encoded ? `${encoded.path}: ${encoded.found}` : "no refusal"
}

class Custom {
  readonly a = 1
}

const revoked = Proxy.revocable({}, {})
revoked.revoke()

describe("what cannot be carried is refused, with its name and its place", () => {
  const cases: ReadonlyArray<readonly [unknown, string]> = [
    [() => 1, "value: a function"],
    [Symbol("s"), "value: a symbol"],
    [[{ rows: [1, Symbol.iterator] }], "value[0].rows[1]: a symbol"],
    [{ "two words": { a: new Custom() } }, 'value["two words"].a: a Custom'],
    [new Map<unknown, unknown>([["k", new WeakMap()]]), "value.k: a WeakMap"],
    [new Map([[7, Promise.resolve()]]), "value[7]: a Promise"],
    [[new Set([new Custom()])], "value[0][0]: a Custom"],
    [new DataView(new ArrayBuffer(8)), "value: a DataView"],
    [new SharedArrayBuffer(8), "value: a SharedArrayBuffer"],
    [new Error("no"), "value: a Error"],
    [/x/, "value: a RegExp"],
    [new Number(1), "value: a Number"],
    [Object.create({}), "value: a Object"],
    [Object.create(Object.create(null)), "value: a value of an unnamed class"],
    [new Date(Number.NaN), "value: an invalid Date"],
    [new Date(Date.UTC(10_000, 0)), "value: a Date in the year 10000"],
    [Py.uuid("nothing"), 'value: the UUID "nothing"'],
    [[Py.tuple(1, [Symbol.iterator])], "value[0][1][0]: a symbol"],
    [Py.dataclass("m", "C", { x: { y: () => 1 } }), "value.x.y: a function"],
    [Py.namedTuple("m", "C", { x: () => 1 }), "value.x: a function"],
    [Py.orderedDict([["k", () => 1]]), "value.k: a function"],
    [Py.deque([1, () => 1]), "value[1]: a function"],
    [Py.slice(() => 1), "value.start: a function"],
    [Py.ndarray(new Float64Array(3), [2, 2]), "value: a Py.NdArray of 24 bytes, dtype <f8 and shape (2, 2)"],
    [new Map([[[1], 2]]), 'value["entry 0"]: a list as a key or in a set'],
    [new Map([[Py.tuple(1, { a: 1 }), 2]]), 'value["entry 0"][1]: a dict as a key or in a set'],
    [new Set([new Set()]), "value[0]: a set as a key or in a set"],
    [new Set([Py.byteArray(new Uint8Array(1))]), "value[0]: a Py.ByteArray as a key or in a set"],
    [
      new Map<unknown, unknown>([
        [1, 0],
        [true, 0]
      ]),
      'value["entry 1"]: true beside 1'
    ],
    [new Set([1, 1n]), "value[1]: 1n beside 1"],
    [new Set([null, undefined]), "value[1]: undefined beside null"],
    [
      {
        get broken() {
          throw new TypeError("mine")
        }
      },
      "value.broken: something that threw TypeError: mine"
    ],
    [
      [revoked.proxy],
      "value[0]: something that threw TypeError: Cannot perform 'IsArray' on a proxy that has been revoked"
    ]
  ]
  for (const [value, expected] of cases) it(expected, () => assert.strictEqual(refusal(value), expected))

  it("names the arguments of a call", () => {
    const names = ["target", "args", "kwargs"]
    assert.strictEqual(
      refusal(["m:f", [1, { rows: [new Custom()] }], null], names),
      "args[1].rows[0]: a Custom"
    )
    assert.strictEqual(refusal(["m:f", [], { x: [() => 1] }], names), "kwargs.x[0]: a function")
  })

  it("finds the place however deep it is", () => {
    let value: unknown = [() => 1]
    for (let level = 0; level < 1000; level++) value = { a: value }
    assert.match(refusal(value), /^value(\.a){40}\.\.\.: a function$/)
  })

  it("a cycle that goes through what cannot change", () => {
    const list: Array<unknown> = []
    const cyclic = Py.dataclass("m", "C", { list })
    list.push(cyclic)
    assert.strictEqual(refusal(cyclic), "value.list[0]: a cycle through a Py.Dataclass")
  })

  it("tuples deeper than the stack of any reader", () => {
    let value: unknown = 1
    for (let level = 0; level < 100_000; level++) value = Py.tuple(value)
    assert.match(refusal(value), /: more than 1000 levels of tuples$/)
  })

  it("goes on as if nothing had been", () => {
    assert.strictEqual(refusal([1, () => 1]), "value[1]: a function")
    const encoded = encode([1], "value")
    assert.isTrue("pieces" in encoded && encoded.pieces.length === 1)
  })
})
