/**
 * What the wire costs, beside what else there is: small calls against Python's own pools, lines of JSON and a process for each call; ten
 * megabytes against base64 in JSON, the bare pipes, and other packages. Ratios below 1 are goals to be that much faster.
 */
import { Buffer } from "node:buffer"
import { spawnSync } from "node:child_process"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { pythonia, pythonShell } from "./packages.ts"
import {
  inFlight,
  interpreter,
  jsonLines,
  peers,
  pooled,
  processPerCall,
  rawEcho,
  sequentially,
  withinPython
} from "./subjects.ts"

const LARGE = 10_000_000
const bytes = new Uint8Array(LARGE).map((_, index) => index % 251)
const doubles = new Float64Array(LARGE / 8).fill(0.37)

const toBase64 = (view: Uint8Array | Float64Array): string =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64")
const fromBase64 = (text: unknown): Uint8Array => Buffer.from(String(text), "base64")
const toDoubles = (text: unknown): Float64Array => new Float64Array(Uint8Array.from(fromBase64(text)).buffer)

const oneAtATime = (): Subject => pooled("pool.call", sequentially("math:sqrt", [16]))
const calling = (name: string, ...args: ReadonlyArray<unknown>): Subject =>
  pooled("pool.call", sequentially(`${peers}:${name}`, args))

const small: ReadonlyArray<Case> = [
  {
    name: "small call, to multiprocessing",
    unit: "us/call",
    baseline: withinPython("Pool.apply", "multiprocessing_pool"),
    subject: oneAtATime(),
    peers: [jsonLines("JSON lines", "sqrt", () => [16])],
    goal: { ratio: 1 }
  },
  {
    name: "small call, to concurrent.futures",
    unit: "us/call",
    baseline: withinPython("ProcessPoolExecutor", "process_pool_executor"),
    subject: oneAtATime(),
    goal: { ratio: 0.4 }
  },
  {
    name: "small call, to a process each",
    unit: "us/call",
    baseline: processPerCall("python -c", "import math; print(math.sqrt(16))"),
    subject: oneAtATime(),
    goal: { ratio: 1 / 300 }
  },
  {
    name: "64 small calls in flight",
    unit: "us/call",
    baseline: jsonLines("JSON lines", "sqrt", () => [16], undefined, 64),
    subject: pooled("pool.call", inFlight(64, "math:sqrt", [16])),
    peers: [pooled("4 in flight", inFlight(4, "math:sqrt", [16]))],
    goal: { ratio: 2 }
  }
]

const large: ReadonlyArray<Case> = [
  {
    name: "10 MB to Python",
    unit: "ms/call",
    baseline: jsonLines("base64 in JSON", "length", () => [toBase64(bytes)]),
    subject: pooled("pool.call", sequentially("builtins:len", [bytes])),
    goal: { ratio: 0.125 }
  },
  {
    name: "10 MB from Python",
    unit: "ms/call",
    baseline: jsonLines("base64 in JSON", "bytes", () => [], fromBase64),
    subject: calling("some_bytes"),
    goal: { ratio: 0.125 }
  },
  {
    name: "10 MB there and back",
    unit: "ms/call",
    baseline: jsonLines("base64 in JSON", "same", () => [toBase64(bytes)], fromBase64),
    subject: calling("same", bytes),
    peers: [rawEcho("the bare pipes", bytes)],
    goal: { ratio: 0.125 }
  },
  {
    name: "10 MB of float64 to Python",
    unit: "ms/call",
    baseline: jsonLines("base64 in JSON", "length", () => [toBase64(doubles)]),
    subject: pooled("pool.call", sequentially("builtins:len", [doubles])),
    goal: { ratio: 0.125 }
  },
  {
    name: "10 MB of float64 from Python",
    unit: "ms/call",
    baseline: jsonLines("base64 in JSON", "doubles", () => [], toDoubles),
    subject: calling("some_doubles"),
    peers: hasNumpy() ? [{ ...calling("some_ndarray"), name: "the same of numpy" }] : [],
    goal: { ratio: 0.125 }
  },
  {
    name: "10 MB echo, to python-shell",
    unit: "ms/call",
    baseline: pythonShell(bytes),
    subject: calling("same", bytes),
    goal: { ratio: 0.1 }
  },
  {
    name: "10 MB echo, to pythonia",
    unit: "ms/call",
    baseline: pythonia(bytes),
    subject: calling("same", bytes),
    goal: { ratio: 0.1 }
  }
]

export default bench([...small, ...large], { pinned: true })

function hasNumpy(): boolean {
  return spawnSync(interpreter, ["-c", "import numpy"]).status === 0
}
