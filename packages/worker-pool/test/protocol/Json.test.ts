import { assert, describe, it } from "@effect/vitest"
import { Json } from "@fireweed/worker-pool/protocol"

const refusal = (value: unknown): string | undefined => {
  const encoded = Json.encode(value, "args")
  return "_tag" in encoded ? `${encoded.path}: ${encoded.found}` : undefined
}

const roundTrip = (value: unknown): unknown => {
  const encoded = Json.encode(value, "args")
  if ("_tag" in encoded) throw new Error(`${encoded.path}: ${encoded.found}`)
  return Json.decode(encoded)?.value
}

describe("what JSON carries comes back as it was", () => {
  for (const value of [
    null,
    true,
    0,
    -1.5,
    Number.MAX_SAFE_INTEGER,
    5e-324,
    "",
    "é\u0000😀",
    [],
    [[1, "two", null]],
    {},
    { "": 1, __proto__x: 2, constructor: 3, nested: { deep: [true] } }
  ]) {
    it(JSON.stringify(value), () => assert.deepStrictEqual(roundTrip(value), value))
  }

  it("a number that is a float in Python is written as one", () => {
    const value = [
      1,
      -0,
      2 ** 53,
      { a: -(2 ** 60), b: 1e21, c: undefined, "\udc00": "\ud800é" },
      null,
      undefined
    ]
    const bytes = Json.encode(value, "args")
    if ("_tag" in bytes) throw new Error(bytes.found)
    assert.strictEqual(
      new TextDecoder().decode(bytes),
      String.raw`[1,-0.0,9007199254740992.0,{"a":-1152921504606847000.0,"b":1e+21,"\udc00":"\ud800é"},null,null]`
    )
    assert.deepStrictEqual(Json.decode(bytes)?.value, [
      1,
      -0,
      2 ** 53,
      { a: -(2 ** 60), b: 1e21, "\udc00": "\ud800é" },
      null,
      null
    ])
  })

  it("an object used twice is no cycle", () => {
    const shared = { a: 1 }
    assert.deepStrictEqual(roundTrip([shared, shared]), [shared, shared])
  })

  it("undefined is null in an array and absent in an object", () => {
    assert.deepStrictEqual(roundTrip([undefined, { a: undefined, b: 1 }]), [null, { b: 1 }])
  })
})

describe("what it does not carry is refused, with the path", () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = [cyclic]
  let deep: unknown = 1
  for (let level = 0; level < 1_000; level++) deep = [deep]
  for (const [value, expected] of [
    [[1, Number.NaN], "args[1]: NaN"],
    [{ a: [Number.NEGATIVE_INFINITY] }, "args.a[0]: -Infinity"],
    [[10n], "args[0]: a bigint"],
    [[new Date(0)], "args[0]: a Date"],
    [{ m: new Map() }, "args.m: a Map"],
    [[new Uint8Array(2)], "args[0]: a Uint8Array"],
    [[() => 1], "args[0]: a function"],
    [[Symbol("s")], "args[0]: a symbol"],
    [cyclic, "args.self[0]: a cycle"]
  ] as const) {
    it(expected, () => assert.strictEqual(refusal(value), expected))
  }

  it("more levels than Python's own decoder takes", () => {
    assert.match(refusal(deep) ?? "", /more than 900 levels$/)
  })
})

it("bytes that are no JSON are told from null", () => {
  assert.isUndefined(Json.decode(Uint8Array.of(0xff)))
  assert.isUndefined(Json.decode(new TextEncoder().encode("{")))
  assert.deepStrictEqual(Json.decode(new TextEncoder().encode("null")), { value: null })
})
