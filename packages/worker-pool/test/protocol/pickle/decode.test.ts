import { assert, describe, it } from "@effect/vitest"
import { Buffer } from "node:buffer"
import process from "node:process"
import { decode, encode, extensions, Py } from "./subject.ts"

/** A pickle of these parts: text is opcodes and ASCII, a number is one byte. */
const pickle = (...parts: ReadonlyArray<string | number | Uint8Array>): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(0x80, 5),
    ...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : Buffer.from(part)))
  ])
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)
const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer)
const text = (value: string): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x8c, value.length), Buffer.from(value)])
const global = (name: string, module = "fireweed._ext"): Uint8Array =>
  Buffer.concat([text(module), text(name), Uint8Array.of(0x93)])

const detail = (meta: Uint8Array, buffers?: ReadonlyArray<Uint8Array>): string => {
  const read = decode(meta, buffers)
  return "_tag" in read ? read.detail : "no violation"
}

const MEMOIZE = 0x94
const STACK = "the stack has not what the opcode takes"
const CLAIM = "more is claimed than is there"

const array = (code: string, count: number): Uint8Array =>
  pickle(global("array"), text(code), "K", count, 0x97, 0x87, "R.")
const ndarray = (
  dtype: string,
  shape: ReadonlyArray<string | number | Uint8Array>,
  order = "C"
): Uint8Array => pickle(global("ndarray"), "(", text(dtype), "(", ...shape, "t", text(order), 0x97, "tR.")

describe("what breaks a rule is a violation", () => {
  const cases: ReadonlyArray<readonly [string, Uint8Array, string]> = [
    ["nothing", new Uint8Array(), "no pickle of protocol 5"],
    ["protocol 4", Uint8Array.of(0x80, 4, 0x4e, 0x2e), "no pickle of protocol 5"],
    ["no protocol", Buffer.from("N."), "no pickle of protocol 5"],
    ["no end", pickle("N"), CLAIM],
    ["no value", pickle("."), "not one value"],
    ["two values", pickle("NN."), "not one value"],
    ["an open mark", pickle("N(."), "not one value"],
    ["bytes after the end", pickle("N.N"), "1 bytes after the end"],
    ["BINFLOAT cut", pickle("G1234567"), CLAIM],
    ["a text of 2^62 bytes", pickle(0x8d, u64(2n ** 62n), "a."), CLAIM],
    ["a text of 2^32 - 1 bytes", pickle("X", u32(0xffffffff), "a."), CLAIM],
    ["bytes of 2^62", pickle(0x8e, u64(2n ** 62n), "a."), CLAIM],
    ["bytes of 2^32 - 1", pickle("B", u32(0xffffffff), "a."), CLAIM],
    ["a bytearray of 2^63", pickle(0x96, u64(2n ** 63n), "a."), CLAIM],
    ["a frame of 2^62", pickle(0x95, u64(2n ** 62n), "N."), CLAIM],
    ["an integer of 2^31 - 1 bytes", pickle(0x8b, u32(0x7fffffff), "a."), CLAIM],
    ["an integer of -1 bytes", pickle(0x8b, u32(0xffffffff), "a."), CLAIM],
    ["a text that is none", pickle(0x8c, 1, Uint8Array.of(0xff), "."), "a text that is none"],
    ["an overlong text", pickle(0x8c, 2, Uint8Array.of(0xc0, 0x80), "."), "a text that is none"],
    ["half a character", pickle(0x8c, 2, Uint8Array.of(0xe2, 0x82), "."), "a text that is none"],
    ["beyond Unicode", pickle(0x8c, 4, Uint8Array.of(0xf4, 0x90, 0x80, 0x80), "."), "a text that is none"],
    [
      "two surrogates that Python keeps apart",
      pickle(0x8c, 6, Uint8Array.of(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80), "."),
      "a text that is none"
    ],
    ["memo of nothing", pickle(MEMOIZE, "."), STACK],
    ["BINPUT of nothing", pickle("q", 0, "."), STACK],
    ["a memo with a hole", pickle("Nq", 1, "."), "1 leaves a hole in the memo"],
    ["a memo of 2^32 - 1", pickle("Nr", u32(0xffffffff), "."), "4294967295 leaves a hole in the memo"],
    ["a memo that is not there", pickle("h", 0, "."), "the memo has no 0"],
    [
      "a memo that is far away",
      pickle("]", MEMOIZE, "j", u32(0x7fffffff), "a."),
      "the memo has no 2147483647"
    ],
    ["POP of nothing", pickle("0."), STACK],
    ["POP_MARK without a mark", pickle("N1."), STACK],
    ["APPEND to nothing", pickle("Na."), STACK],
    ["APPEND to a tuple", pickle(")Na."), "the target is no list"],
    ["APPEND to a dict", pickle("}Na."), "the target is no list"],
    ["APPENDS without a mark", pickle("]Ne."), STACK],
    ["APPENDS to nothing", pickle("(Ne."), STACK],
    ["APPEND across a mark", pickle("](Na."), STACK],
    ["SETITEM to nothing", pickle("NNs."), STACK],
    ["SETITEM to a list", pickle("]NNs."), "the target is no dict"],
    ["SETITEMS of an odd number", pickle("}(Nu."), STACK],
    ["SETITEMS to nothing", pickle("(NNu."), STACK],
    ["SETITEMS of nothing to a list", pickle("](u."), "the target is no dict"],
    ["DICT of an odd number", pickle("(Nd."), STACK],
    ["DICT without a mark", pickle("d."), STACK],
    ["LIST without a mark", pickle("l."), STACK],
    ["TUPLE without a mark", pickle("t."), STACK],
    ["TUPLE2 of one", pickle("N", 0x86, "."), STACK],
    ["TUPLE1 across a mark", pickle("N(", 0x85, "."), STACK],
    ["ADDITEMS to a list", pickle("](N", 0x90, "."), "the target is no set"],
    ["ADDITEMS to nothing", pickle("(N", 0x90, "."), STACK],
    ["FROZENSET without a mark", pickle(0x91, "."), STACK],
    ["a buffer that did not come", pickle(0x97, "."), "a buffer that did not come"],
    ["READONLY_BUFFER of a list", pickle("]", 0x98, "."), "the target is no buffer"],
    ["READONLY_BUFFER of nothing", pickle(0x98, "."), STACK],
    [
      "os.system",
      pickle(global("system", "os"), text("id"), 0x85, "R."),
      "a global that is not in the table"
    ],
    ["another name", pickle(global("exec"), "."), "a global that is not in the table"],
    ["a name of every object", pickle(global("constructor"), "."), "a global that is not in the table"],
    ["a global of no text", pickle("NN", 0x93, "."), "a global that is not in the table"],
    ["half a global", pickle("N", 0x93, "."), STACK],
    ["a global as the value", pickle(global("date"), "."), "a global that is not called"],
    ["a global in a list", pickle("]", global("date"), "a."), "a global that is not called"],
    ["a global in a tuple", pickle(global("date"), 0x85, "."), "a global that is not called"],
    ["a global as a key", pickle("}", global("date"), "Ns."), "a global that is not called"],
    [
      "a global from the memo",
      pickle("]", global("date"), MEMOIZE, "0h", 0, "a."),
      "a global that is not called"
    ],
    [
      "a global as an argument",
      pickle(global("slice"), MEMOIZE, "h", 0, "NN", 0x87, "R."),
      "a global that is not called"
    ],
    ["a call of nothing", pickle("R."), STACK],
    ["a call of a list", pickle("])R."), "a call of what is no global"],
    ["a call of a result", pickle(global("decimal"), text("1"), 0x85, "R)R."), "a call of what is no global"],
    ["a call without a tuple", pickle(global("date"), "]R."), "a call without a tuple"],
    [
      "too few arguments",
      pickle(global("date"), "NN", 0x86, "R."),
      "fireweed._ext.date does not take these arguments"
    ]
  ]
  for (const [name, meta, expected] of cases) {
    it(name, () => assert.strictEqual(detail(meta).replace(/, at byte \d+$/, ""), expected))
  }

  it("every opcode that is not in the list", () => {
    const allowed = new Set([
      0x80,
      0x85,
      0x86,
      0x87,
      0x88,
      0x89,
      ...Buffer.from(".NJKMGCBX]alet)(}dsu01qrhjR")
    ])
    for (let code = 0x8a; code <= 0x98; code++) if (code !== 0x92) allowed.add(code)
    for (let code = 0; code < 256; code++) {
      if (allowed.has(code) && code !== 0x80) continue
      assert.match(detail(pickle("NNN", code, "N.")), /^opcode 0x/, `opcode ${code}`)
    }
  })

  it("arguments of the wrong type, for every extension", () => {
    for (const [name, { arity }] of extensions) {
      if (name === "slice") continue
      for (const wrong of ["N", "]Na", "}", "G12345678"]) {
        if (name === "complex" && wrong.startsWith("G")) continue
        const refused = detail(pickle(global(name), "(", wrong.repeat(arity), "tR."))
        assert.match(refused, /does not take these arguments/, `${name} of ${wrong}`)
      }
    }
  })

  it("sizes that do not fit", () => {
    const buffer = [new Uint8Array(16)]
    assert.strictEqual(detail(array("d", 2), buffer), "no violation")
    assert.strictEqual(detail(ndarray("<f8", ["K", 2]), buffer), "no violation")
    for (const meta of [
      array("d", 3),
      array("?", 2),
      array("u", 4),
      ndarray("<f8", ["K", 3]),
      ndarray("<f8", ["J", u32(0xffffffff), "J", u32(0xfffffffe)]),
      ndarray("|O8", ["K", 2], "A"),
      ndarray("nonsense", ["K", 2])
    ]) {
      assert.match(detail(meta, buffer), /does not take these arguments/)
    }
  })
})

/** Processor time of this process so far, in milliseconds: what else the machine does is not in it. */
const spent = (): number => process.cpuUsage().user / 1_000
/** Milliseconds. Work that grows with the square of what came takes minutes. */
const GENEROUS = 10_000

describe("memory and time are bounded by what came", () => {
  const size = 1_000_000
  const hostile: ReadonlyArray<readonly [string, Uint8Array, boolean]> = [
    ["marks", pickle("(".repeat(size)), false],
    ["lists", pickle("(", "]".repeat(size), "l."), true],
    ["nested lists", pickle("]".repeat(size), "a".repeat(size - 1), "."), true],
    ["dicts", pickle("(", "}".repeat(size), "l."), true],
    ["sets", pickle("(", new Uint8Array(100_000).fill(0x8f), "l."), true],
    ["a memo of one value", pickle("]", new Uint8Array(size).fill(MEMOIZE), "."), true],
    ["one list many times", pickle("(]", MEMOIZE, Buffer.from("h\0".repeat(size / 2)), "l."), true],
    ["tuples of tuples", pickle("N", new Uint8Array(size).fill(0x85), "."), true]
  ]
  for (const [name, meta, isValue] of hostile) {
    it(name, () => {
      const started = spent()
      assert.strictEqual("value" in decode(meta), isValue)
      assert.isBelow(spent() - started, GENEROUS)
    })
  }

  it("a list of pairs that is looked at again and again", () => {
    const pairs = 20_000
    const again = pickle("h", 0, "h", 1, 0x85, "R0").subarray(2)
    const meta = pickle(
      global("counter"),
      MEMOIZE,
      "0](",
      Buffer.concat(Array.from({ length: pairs }, () => Buffer.from([0x4e, 0x4b, 1, 0x86]))),
      "e",
      MEMOIZE,
      Buffer.concat(Array.from({ length: 20_000 }, () => again)),
      "."
    )
    const started = spent()
    assert.match(detail(meta), /does not take these arguments/)
    assert.isBelow(spent() - started, GENEROUS)
  })

  it("keys that look like places far out in an array", () => {
    const count = 50_000
    const before = process.memoryUsage().heapUsed
    const read = decode(pickle(text("1000"), MEMOIZE, "0(", "}h\0Ns".repeat(count), "l."))
    const grown = process.memoryUsage().heapUsed - before
    assert.isTrue("value" in read && Array.isArray(read.value) && read.value.length === count)
    // As in an array each of them would take 12 KB.
    assert.isBelow(grown / count, 2000)
  })

  it("an integer of a megabyte", () => {
    const started = spent()
    const read = decode(pickle(0x8b, u32(1_000_000), Buffer.alloc(1_000_000, 0x55), "."))
    assert.isTrue("value" in read && typeof read.value === "bigint")
    assert.isBelow(spent() - started, GENEROUS)
  })

  it("many dicts that turn out to be Maps too late are read three times, not more", () => {
    const one = Buffer.concat([Buffer.from("}"), Uint8Array.of(MEMOIZE, 0x71, 0), Buffer.from("K\x01Ns0")])
    const many = Buffer.concat(Array.from({ length: 100_000 }, () => one))
    const started = spent()
    assert.deepStrictEqual(decode(pickle("N", MEMOIZE, many, ".")), { value: null })
    assert.isBelow(spent() - started, GENEROUS)
  })
})

const read = (meta: Uint8Array): unknown => {
  const found = decode(meta)
  if ("_tag" in found) throw new Error(found.detail)
  return found.value
}

describe("a dict with other keys than text is one Map, wherever it is held", () => {
  it("when it was in a list and a frozen tuple before its items came", () => {
    // d = {}; [d, (d,), frozenset-less], then d[1] = d
    const value = read(pickle("](}", MEMOIZE, "h\0h\0", 0x85, "h\0K\x01h\0s0e."))
    if (!Array.isArray(value)) return assert.fail("no list")
    const [first, second, third] = value
    assert.instanceOf(first, Map)
    assert.strictEqual(first.get(1), first)
    assert.strictEqual(second, first)
    assert.isTrue(Py.isTuple(third) && third[0] === first)
  })

  it("when text came first and another key in a later batch", () => {
    const value = read(pickle("(}", MEMOIZE, text("a"), "K\x01sK\x02K\x03sh\0l."))
    if (!Array.isArray(value)) return assert.fail("no list")
    assert.deepStrictEqual(
      value[0],
      new Map<unknown, unknown>([
        ["a", 1],
        [2, 3]
      ])
    )
    assert.strictEqual(value[1], value[0])
  })

  it("when it was made with its first items", () => {
    const value = read(pickle("((", text("a"), "K\x01d", MEMOIZE, "h\0K\x02K\x03sl."))
    if (!Array.isArray(value)) return assert.fail("no list")
    assert.deepStrictEqual(
      value[0],
      new Map<unknown, unknown>([
        ["a", 1],
        [2, 3]
      ])
    )
    assert.strictEqual(value[1], value[0])
  })

  it("when it is in the memo twice", () => {
    const value = read(pickle("(}", MEMOIZE, MEMOIZE, "K\x01Nsh\0h\x01l."))
    if (!Array.isArray(value)) return assert.fail("no list")
    assert.instanceOf(value[0], Map)
    assert.strictEqual(value[1], value[0])
    assert.strictEqual(value[2], value[0])
  })
})

describe("bytes", () => {
  it("are views of what came", () => {
    const meta = pickle("C\x03abc.")
    const read = decode(meta)
    assert.isTrue("value" in read && read.value instanceof Uint8Array && read.value.buffer === meta.buffer)
  })

  it("of an aligned buffer become a typed array without a copy, of another with one", () => {
    const encoded = encode(new Float64Array([1, 2]), "value")
    if ("_tag" in encoded) throw new Error(encoded.found)
    const meta = Buffer.concat(encoded.pieces)
    const body = new Uint8Array(32)
    for (const [offset, isView] of [
      [8, true],
      [3, false]
    ] as const) {
      body.set(encoded.buffers[0] ?? [], offset)
      const read = decode(meta, [body.subarray(offset, offset + 16)])
      if (!("value" in read) || !(read.value instanceof Float64Array)) throw new Error("expected float64")
      assert.deepStrictEqual([...read.value], [1, 2])
      assert.strictEqual(read.value.buffer === body.buffer, isView)
    }
  })
})
