import { assert, describe, it } from "@effect/vitest"
import { Buffer } from "node:buffer"
import { decode, encode, Py } from "./subject.ts"
import { difference, generator } from "./values.ts"

const roundTrip = (value: unknown): unknown => {
  const encoded = encode(value, "value")
  if ("_tag" in encoded) throw new Error(`${encoded.path}: ${encoded.found}`)
  const read = decode(Buffer.concat(encoded.pieces), encoded.buffers)
  if ("_tag" in read) throw new Error(read.detail)
  return read.value
}

describe("what is written is read as it was", () => {
  it("20000 random values, with what they share and their cycles", () => {
    const next = generator(1)
    for (let round = 0; round < 20_000; round++) {
      const value = next()
      assert.isUndefined(difference(value, roundTrip(value)), `round ${round}`)
    }
  })

  it("100 000 levels of arrays, objects and maps", () => {
    let value: unknown = []
    for (let level = 0; level < 100_000; level++) {
      value = level % 3 === 0 ? [value] : level % 3 === 1 ? { a: value } : new Map([[1, value]])
    }
    assert.isUndefined(difference(value, roundTrip(value)))
  })

  it("cycles through every container", () => {
    const list: Array<unknown> = []
    const object: { [key: string]: unknown } = { list }
    const map = new Map<unknown, unknown>([[1, object]])
    const tuple = Py.tuple(list, object, map)
    list.push(tuple, map)
    object["map"] = map
    map.set(tuple, list)
    const set = new Set([tuple])
    // The tuple as a key would need the hash of a list: as a value it is fine.
    map.delete(tuple)
    set.clear()
    map.set("tuple", tuple)
    for (const value of [list, object, map, tuple]) assert.isUndefined(difference(value, roundTrip(value)))
  })

  it("100 000 bits", () => {
    const value = 2n ** 100_000n - 12_345n
    assert.strictEqual(roundTrip(value), value)
    assert.strictEqual(roundTrip(-value), -value)
  })

  it("integers and their borders", () => {
    for (let bits = 1n; bits < 140n; bits++) {
      for (const near of [-1n, 0n, 1n]) {
        for (const sign of [1n, -1n]) {
          const value = sign * (2n ** bits + near)
          const isSafe = value >= -9007199254740991n && value <= 9007199254740991n
          assert.strictEqual(roundTrip(value), isSafe ? Number(value) : value)
        }
      }
    }
  })

  it("text of every length near where the writer changes its way", () => {
    for (const unit of ["a", "é", "€", "😀", "\ud800"]) {
      for (const length of [1, 11, 12, 13, 23, 24, 25, 85, 255, 256, 1024, 1025, 70_000]) {
        const text = unit.repeat(length)
        assert.isTrue(roundTrip(text) === text, `${length} of ${unit}`)
        assert.deepStrictEqual(roundTrip({ [text]: [text, text] }), { [text]: [text, text] })
      }
    }
  })

  it("a Date is an aware datetime in UTC", () => {
    const made = roundTrip(new Date("2024-02-29T12:34:56.789Z"))
    assert.strictEqual(String(made), "2024-02-29 12:34:56.789000+00:00")
  })

  it("large bytes are not copied, and what was written before does not change", () => {
    const large = new Uint8Array(100_000).fill(7)
    const first = encode(["a", large, "b"], "value")
    const second = encode(["c"], "value")
    if ("_tag" in first || "_tag" in second) throw new Error("refused")
    assert.isTrue(first.pieces.some((piece) => piece.buffer === large.buffer))
    assert.deepStrictEqual(decode(Buffer.concat(first.pieces)), { value: ["a", large, "b"] })
  })

  it("many messages that wait to be sent do not write over each other", () => {
    const values = Array.from({ length: 2_000 }, (_, index) => [index, new Uint8Array(index).fill(index)])
    const waiting = values.map((value) => encode(value, "value"))
    for (const [index, encoded] of waiting.entries()) {
      if ("_tag" in encoded) throw new Error(encoded.found)
      assert.deepStrictEqual(
        decode(Buffer.concat(encoded.pieces)),
        { value: values[index] },
        `message ${index}`
      )
    }
  })

  it("a getter that encodes something itself disturbs nothing", () => {
    const value = {
      before: 1,
      get inner() {
        return roundTrip({ before: 2, list: [3] })
      },
      after: 4
    }
    assert.deepStrictEqual(roundTrip(value), { before: 1, inner: { before: 2, list: [3] }, after: 4 })
  })
})
