import { assert, describe, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"
import { Py } from "./subject.ts"

const make = (last: number): ReadonlyArray<unknown> => [
  Py.tuple(1, last),
  Py.dateTime({ year: last, month: 1, day: 1 }),
  Py.frozenSet([1, last]),
  Py.dataclass("m", "C", { x: [last] }),
  Py.orderedDict([["a", last]]),
  Py.ndarray(new Float64Array([last])),
  Py.byteArray(new Uint8Array([last]))
]

describe("values of Python", () => {
  it("print as Python prints them", () => {
    const printed: ReadonlyArray<readonly [unknown, string]> = [
      [Py.float(1), "1.0"],
      [Py.date(987, 6, 5), "0987-06-05"],
      [Py.time({ hour: 1, microsecond: 5 }), "01:00:00.000005"],
      [Py.dateTime({ year: 2020, month: 1, day: 2, offset: -3600 }), "2020-01-02 00:00:00-01:00"],
      [Py.dateTime({ year: 2020, month: 1, day: 2, offset: -3600.5 }), "2020-01-02 00:00:00-01:00:00.500000"],
      [Py.timeDelta({ hours: 36 }), "1 day, 12:00:00"],
      [Py.timeDelta({ microseconds: -1 }), "-1 day, 23:59:59.999999"],
      [Py.timeDelta({ days: 1.5, minutes: 90 }), "1 day, 13:30:00"],
      [Py.decimal("1.10"), "1.10"],
      [Py.fraction(3, 4), "3/4"],
      [Py.complex(1, -2), "(1-2j)"],
      [Py.uuid("01234567-89AB-cdef-0123-456789abcdef"), "01234567-89ab-cdef-0123-456789abcdef"],
      [Py.path("/tmp"), "/tmp"],
      [Py.range(0, 3), "range(0, 3)"],
      [Py.enumMember("m", "Colour", "RED", 1), "Colour.RED"],
      [Py.numpyScalar(new Float32Array([1.5])), "1.5"]
    ]
    for (const [value, text] of printed) assert.strictEqual(String(value), text)
  })

  it("are numbers and instants where they can be", () => {
    const noon = Py.dateTime({ year: 2020, month: 1, day: 2, hour: 12, microsecond: 1500, offset: 3600 })
    assert.strictEqual(noon.toMillis(), Date.UTC(2020, 0, 2, 11) + 1.5)
    assert.strictEqual(noon.toDate().toISOString(), "2020-01-02T11:00:00.001Z")
    assert.strictEqual(Py.date(50, 1, 1).toDate().toISOString(), "0050-01-01T00:00:00.000Z")
    assert.strictEqual(Py.timeDelta({ seconds: -1.5 }).toMillis(), -1500)
    assert.strictEqual(Py.decimal("-inf").toNumber(), -Infinity)
    assert.strictEqual(Py.fraction(1, 4).toNumber(), 0.25)
    assert.deepStrictEqual([...Py.range(5, 0, -2)], [5, 3, 1])
    assert.strictEqual(Py.numpyScalar(new BigInt64Array([7n])).value, 7)
    assert.strictEqual(Py.numpyScalar(new BigInt64Array([2n ** 60n])).value, 2n ** 60n)
    assert.strictEqual(Py.numpyScalar(new Uint8Array([1]), "|b1").value, true)
  })

  it("a tuple is a frozen array", () => {
    const tuple = Py.tuple(5)
    const [first] = tuple
    assert.strictEqual(first, 5)
    assert.isTrue(Array.isArray(tuple) && Object.isFrozen(tuple))
    assert.isFalse(Py.isTuple(tuple.map((n) => n + 1)))
    assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.Array(Schema.Number))(tuple), [5])
    assert.strictEqual(JSON.stringify({ tuple }), '{"tuple":[5]}')
  })

  it("are equal if they hold the same", () => {
    const [ones, same, other] = [make(1), make(1), make(2)]
    for (const [index, one] of ones.entries()) {
      assert.isTrue(Equal.equals(one, same[index]), `${index}`)
      assert.isFalse(Equal.equals(one, other[index]), `${index}`)
    }
    assert.isFalse(Equal.equals(Py.counter([]), Py.orderedDict([])))
  })

  it("are readable as JSON", () => {
    const value = {
      at: Py.dateTime({ year: 2020, month: 1, day: 2, offset: 0 }),
      point: Py.namedTuple("m", "P", { x: 1, y: 2 }),
      big: Py.range(0, 2n ** 64n),
      set: Py.frozenSet([1])
    }
    assert.strictEqual(
      JSON.stringify(value),
      '{"at":"2020-01-02T00:00:00+00:00","point":{"x":1,"y":2},"big":"range(0, 18446744073709551616)","set":[1]}'
    )
  })
})
