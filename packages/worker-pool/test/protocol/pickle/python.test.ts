import { assert, describe, it } from "@effect/vitest"
import { Buffer } from "node:buffer"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { decode, encode, Py } from "./subject.ts"
import { generator } from "./values.ts"
import { vectors } from "./vectors.ts"

interface Request {
  readonly value: unknown
  readonly expression?: string
  readonly canon?: boolean
  readonly depth?: boolean
}

interface Answer {
  readonly repr?: string
  readonly read?: string
  readonly made?: string
  readonly canon?: unknown
  readonly error?: string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Asks one Python about all of them. */
const ask = (requests: ReadonlyArray<Request>): ReadonlyArray<Answer> => {
  const lines = requests.map(({ value, ...rest }) => {
    const encoded = encode(value, "value")
    if ("_tag" in encoded) throw new Error(`${encoded.path}: ${encoded.found}`)
    return JSON.stringify({
      meta: hex(Buffer.concat(encoded.pieces)),
      buffers: encoded.buffers.map(hex),
      ...rest
    })
  })
  const reader = fileURLToPath(new URL("reader.py", import.meta.url))
  // By a file: Deno's `spawnSync` writes all of `input` before it reads anything, which stops for ever when both pipes are full.
  const folder = mkdtempSync(join(tmpdir(), "fireweed-test-"))
  const file = join(folder, "requests")
  writeFileSync(file, lines.join("\n"))
  const python = process.env["FIREWEED_PYTHON"] ?? "python3"
  const ran = spawnSync(python, [reader, file], { encoding: "utf8", maxBuffer: 2 ** 28 })
  rmSync(folder, { recursive: true })
  if (ran.status !== 0) throw new Error(ran.stderr)
  return ran.stdout
    .trim()
    .split("\n")
    .map((line): Answer => JSON.parse(line))
}

/** The same canonical form as in `reader.py`. */
const canon = (value: unknown, depth = 0): unknown => {
  if (depth > 12) throw new Error("a cycle")
  const within = (member: unknown): unknown => canon(member, depth + 1)
  if (value === null || value === undefined || typeof value === "boolean") return value ?? null
  if (typeof value === "bigint") return ["int", String(value)]
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) return ["int", String(value)]
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    return ["float", Number.isNaN(value) ? "nan" : bytes.toString("hex")]
  }
  if (typeof value === "string") return ["str", Buffer.from(value, "utf16le").swap16().toString("hex")]
  if (value instanceof Uint8Array) return ["bytes", Buffer.from(value).toString("hex")]
  if (Array.isArray(value)) return [Py.isTuple(value) ? "tuple" : "list", ...value.map(within)]
  if (value instanceof Set) return ["set", ...sorted(value, within)]
  if (value instanceof Py.FrozenSet) return ["frozenset", ...sorted(value, within)]
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  sorted(
    entries.map(([key]) => key),
    within
  )
  return ["dict", ...sorted(entries, ([key, member]) => [within(key), within(member)])]
}

const sorted = <A>(members: Iterable<A>, each: (member: A) => unknown): ReadonlyArray<unknown> => {
  const all = Array.from(members, each).toSorted((a, b) => (pythonJson(a) < pythonJson(b) ? -1 : 1))
  if (new Set(all.map(pythonJson)).size < all.length) throw new Error("one key for Python")
  return all
}

const pythonJson = (value: unknown): string => JSON.stringify(value).replaceAll(",", ", ")

/** Whether it has no cycle, and no two keys that are one in Python, such as two `Uint8Array` of the same bytes. */
const isComparable = (value: unknown): boolean => {
  try {
    return JSON.stringify(canon(value)).length < 20_000
  } catch {
    return false
  }
}

const expressions = vectors.filter(
  // As bytes these arrive, and as an `int` what was a whole float.
  ({ python }) => !python.startsWith("memoryview") && !python.includes(" by ")
)
const literals: ReadonlyArray<readonly [unknown, string]> = [
  [Py.float(1), "1.0"],
  [Py.float(-(2 ** 60)), "-1.152921504606847e+18"],
  [1e300, "1e+300"],
  [2 ** 53, "9007199254740992.0"],
  [[undefined, { a: undefined, b: 1 }], "[None, {'b': 1}]"],
  [new Date(1e12 + 7), "datetime.datetime(2001, 9, 9, 1, 46, 40, 7000, tzinfo=datetime.timezone.utc)"],
  [new Uint8Array([1, 2]).buffer, "b'\\x01\\x02'"],
  [Buffer.from("abc"), "b'abc'"],
  [new Uint8Array(40_000), repeated("b'", "\\x00", 40_000)],
  [new Int8Array([-1]), "array('b', [-1])"],
  [new Uint8ClampedArray([1]), "array('B', [1])"],
  [new Int16Array([-2]), "array('h', [-2])"],
  [new Uint16Array([2]), "array('H', [2])"],
  [new Int32Array([-3]), "array('i', [-3])"],
  [new Uint32Array([3]), "array('I', [3])"],
  [new BigInt64Array([-4n]), "array('q', [-4])"],
  [new BigUint64Array([4n]), "array('Q', [4])"],
  [new Float32Array([1.5]), "array('f', [1.5])"],
  [new Float64Array([1.5]), "array('d', [1.5])"],
  [
    Py.timeDelta({ hours: 36, milliseconds: -1.5 }),
    "datetime.timedelta(days=1, seconds=43199, microseconds=998500)"
  ],
  [Py.fraction(2, 4), "Fraction(1, 2)"],
  [Py.range(0, 2n ** 70n), "range(0, 1180591620717411303424)"],
  [
    new Map<unknown, unknown>([[Py.tuple(1, Py.frozenSet([2])), [Py.date(1, 2, 3)]]]),
    "{(1, frozenset({2})): [datetime.date(1, 2, 3)]}"
  ],
  [Object.assign(Object.create(null), { a: 1 }), "{'a': 1}"],
  [2n ** 100n, "1267650600228229401496703205376"]
]
function repeated(head: string, unit: string, count: number): string {
  return `${head}${unit.repeat(count)}'`
}

describe("a real Python reads what is written here", () => {
  const next = generator(2, true)
  const random: Array<unknown> = []
  while (random.length < 2000) {
    const value = next()
    if (isComparable(value)) random.push(value)
  }
  let deep: unknown = []
  for (let level = 0; level < 100_000; level++) deep = [deep]

  const answers = ask([
    ...expressions.map(({ buffers, meta, python }) => {
      const read = decode(meta, buffers)
      return { value: "value" in read ? read.value : undefined, expression: python }
    }),
    ...literals.map(([value]) => ({ value })),
    ...random.map((value) => ({ value, canon: true })),
    { value: deep, depth: true }
  ])

  for (const [index, { python, versions }] of expressions.entries()) {
    it(`${python} of ${versions.join(", ")} comes home as it left`, () => {
      const answer = answers[index]
      assert.isUndefined(answer?.error)
      assert.isString(answer?.read)
      assert.strictEqual(answer?.read, answer?.made)
    })
  }

  for (const [index, [, repr]] of literals.entries()) {
    it(repr.slice(0, 60), () => assert.deepStrictEqual(answers[expressions.length + index], { repr }))
  }

  it("2000 random values", () => {
    for (const [index, value] of random.entries()) {
      const answer = answers[expressions.length + literals.length + index]
      assert.deepStrictEqual(answer?.canon, canon(value), answer?.error)
    }
  })

  it("100 000 levels of lists", () => assert.deepStrictEqual(answers.at(-1), { repr: "100000" }))
})
