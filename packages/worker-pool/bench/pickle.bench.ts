/** What a value costs on its way, written and read, beside JSON. Bytes have no JSON: the baseline carries them as base64. */
import { Buffer } from "node:buffer"
import type { Case } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { decode } from "../src/protocol/pickle/decode.ts"
import { encode } from "../src/protocol/pickle/encode.ts"

const rows = Array.from({ length: 1000 }, (_, id) => ({
  id,
  name: `user ${id}`,
  email: `user${id}@example.com`,
  score: id * 1.5,
  tags: ["a", "b", String(id)],
  active: id % 2 === 0
}))
const bytes = new Uint8Array(1_000_000).map((_, index) => index % 251)
const doubles = new Float64Array(125_000).map((_, index) => index * 0.37)
const base64 = (view: Uint8Array | Float64Array): string =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64")

const toJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

const times =
  (work: () => unknown) =>
  (n: number): void => {
    for (let round = 0; round < n; round++) work()
  }

interface Sample {
  readonly name: string
  readonly unit: Case["unit"]
  readonly value: unknown
  /** How JSON carries it. */
  readonly write?: () => Uint8Array
  readonly read?: (json: Buffer) => unknown
  /** Goals of writing and reading, as ratios to JSON. */
  readonly goals: readonly [write: number, read: number]
}

const samples: ReadonlyArray<Sample> = [
  { name: "small call", unit: "ns/op", value: ["mod:fn", [16], null, null], goals: [1.5, 1.5] },
  { name: "1000 rows", unit: "us/op", value: rows, goals: [2.5, 1.5] },
  { name: "100 KB text", unit: "us/op", value: "hello wörld ".repeat(8000), goals: [1, 1] },
  {
    name: "10 000 floats",
    unit: "us/op",
    value: rows.flatMap(({ id }) => Array.from({ length: 10 }, (_, i) => id + i * 0.37)),
    goals: [0.6, 0.8]
  },
  {
    name: "1 MB bytes",
    unit: "us/op",
    value: bytes,
    write: () => Buffer.from(JSON.stringify(base64(bytes))),
    read: (json) => Buffer.from(String(JSON.parse(json.toString())), "base64"),
    goals: [0.05, 0.05]
  },
  {
    name: "1 MB Float64Array",
    unit: "us/op",
    value: doubles,
    write: () => Buffer.from(JSON.stringify(base64(doubles))),
    read: (json) =>
      new Float64Array(Uint8Array.from(Buffer.from(String(JSON.parse(json.toString())), "base64")).buffer),
    goals: [0.05, 0.05]
  }
]

export default bench(
  samples.flatMap(({ goals, name, unit, value, ...json }): ReadonlyArray<Case> => {
    const encoded = encode(value, "value")
    if ("_tag" in encoded) throw new Error(`${encoded.path}: ${encoded.found}`)
    const { buffers } = encoded
    const meta = Uint8Array.from(Buffer.concat(encoded.pieces))
    const write = json.write ?? (() => toJson(value))
    const read = json.read ?? ((text: Buffer) => JSON.parse(text.toString()))
    const text = Buffer.from(write())
    return [
      {
        name: `${name}, written`,
        unit,
        baseline: { name: "JSON", run: times(write) },
        subject: { name: "pickle", run: times(() => encode(value, "value")) },
        goal: { ratio: goals[0] }
      },
      {
        name: `${name}, read`,
        unit,
        baseline: { name: "JSON", run: times(() => read(text)) },
        subject: { name: "pickle", run: times(() => decode(meta, buffers)) },
        goal: { ratio: goals[1] }
      }
    ]
  })
)
