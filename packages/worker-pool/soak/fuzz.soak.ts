/**
 * A million frames and a million pickles gone wrong, for the decoders of both sides: each is a value, a refusal or a violation, in bounded
 * time, and never more memory than its bytes could ask for. `FUZZ_SEED` picks other ones, `FUZZ_COUNT` how many of each.
 */
import { Codec, Frame, Kind } from "@fireweed/worker-pool/protocol"
import { Buffer } from "node:buffer"
import { spawn, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import process from "node:process"
import type { Part, Report } from "../../../scripts/soak.ts"
import { decode } from "../src/protocol/pickle/decode.ts"
import { mutate } from "../test/protocol/pickle/mutate.ts"
import { chance } from "../test/protocol/pickle/values.ts"
import { vectors } from "../test/protocol/pickle/vectors.ts"
import { pythons } from "./pythons.ts"

/** Longest time one item may take, in milliseconds: a scheduler that looks away is in it. */
const LIMIT = 1_000
/** How far the peak of resident memory may be above where it stood, in MiB. */
const GROWTH = 512

const part: Part = {
  name: "fuzz",
  run: async (report) => {
    const seed = Number(process.env["FUZZ_SEED"] ?? 1)
    const count = Number(process.env["FUZZ_COUNT"] ?? 1_000_000)
    report("seed", seed)
    claims(report)
    const readers = pythons().filter(isNewEnough).map(reader)
    const own = { frame: tally(), pickle: tally() }
    const random = chance(seed)
    const peak = peakMemory()
    for (let index = 0; index < count; index++) {
      const frame = badFrame(random)
      own.frame.time(index, () => readFrames(frame, random))
      const pickle = badPickle(random)
      own.pickle.time(index, () => outcomeOf(decode(pickle.meta, pickle.buffers)))
      if (readers.length === 0) continue
      const records = [record("F", toPython(frame), []), record("P", pickle.meta, pickle.buffers)]
      for (const each of readers) for (const bytes of records) each.take(bytes)
      if (index % 500 === 0) await Promise.all(readers.map((each) => each.drained()))
    }
    own.frame.report(report, "TypeScript, frames")
    own.pickle.report(report, "TypeScript, pickles")
    report("TypeScript, growth of the peak, MiB", within(GROWTH, peak(), "TypeScript"))
    for (const each of readers) {
      const { name, ...figures } = await each.ended()
      for (const [figure, value] of Object.entries(figures)) {
        report(`Python ${name}, ${figure.replaceAll("_", " ")}`, value)
      }
      within(GROWTH, Number(figures["growth_of_the_peak,_MiB"]), name)
    }
  }
}

export default part

// --- what is sent

type Random = () => number
const below = (random: Random, n: number): number => Math.floor(random() * n)
const pick = <A>(random: Random, from: ReadonlyArray<A>): A => {
  const picked = from[below(random, from.length)]
  if (picked === undefined) throw new Error("nothing to pick from")
  return picked
}

const metas = vectors.map(({ meta }) => meta).filter(({ length }) => length < 400)

const badPickle = (random: Random): { meta: Uint8Array; buffers: ReadonlyArray<Uint8Array> } => {
  const { buffers, meta } = pick(random, vectors)
  return { meta: mutate(meta, metas, random), buffers }
}

const errors = [`{"code":"raised","started":true,"message":"no"}`, "[1,2.5,null]", "", `"\\ud800"`]
const kinds = Object.values(Kind.Reply)

const goodFrame = (random: Random): Uint8Array => {
  const kind = pick(random, kinds)
  const id = below(random, 3)
  if (random() < 0.2) {
    return Buffer.concat(Frame.encode(Frame.make(kind, id, Buffer.from(pick(random, errors)))))
  }
  const { buffers, meta } = pick(random, vectors)
  return Buffer.concat(Frame.encode({ kind, codec: 0, id, pieces: [meta], buffers }))
}

/** Numbers that a length, a count or a flag could be by mistake. */
const EDGES = [0, 1, 7, 8, 9, 24, 255, 256, 65_535, 2 ** 24, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const FIELDS: ReadonlyArray<readonly [at: number, bytes: number]> = [
  [2, 1],
  [3, 1],
  [4, 4],
  [8, 4],
  [12, 2],
  [14, 2],
  [16, 4],
  [20, 4]
]

const badFrame = (random: Random): Uint8Array => {
  const whole = goodFrame(random)
  if (random() < 0.5) return mutate(whole, metas, random)
  const bytes = Uint8Array.from(random() < 0.5 ? whole : Buffer.concat([whole, goodFrame(random)]))
  const view = new DataView(bytes.buffer)
  for (let changes = 1 + below(random, 2); changes > 0; changes--) {
    const [at, width] = pick(random, FIELDS)
    const value = random() < 0.5 ? pick(random, EDGES) : view.getUint8(at) + below(random, 33) - 16
    for (let index = 0; index < width; index++) view.setUint8(at + index, (value >>> (8 * index)) & 0xff)
  }
  return bytes
}

/** The same with the kinds of the other direction. */
const toPython = (frame: Uint8Array): Uint8Array => {
  const turned = Uint8Array.from(frame)
  turned[2] = (turned[2] ?? 0) & 0x7f
  return turned
}

// --- TypeScript

type Outcome = "value" | "violation" | "unfinished"

const outcomeOf = (read: Codec.Decoded | Frame.ProtocolViolation): Outcome => {
  if (!("_tag" in read)) return "value"
  if (read._tag !== "ProtocolViolation") throw new Error(`a ${String(read._tag)}`)
  return "violation"
}

/** In chunks that end anywhere, as pipes have them. */
const readFrames = (bytes: Uint8Array, random: Random): Outcome => {
  let outcome: Outcome = "unfinished"
  const decoder = Frame.decoder({
    // What a header may claim is asked in `claims`.
    maxFrame: 2 ** 20,
    accepts: (kind) => Kind.isReply(kind) || Kind.isIgnorable(kind),
    onFrame: (frame) => {
      outcome = outcomeOf(Codec.byId(frame.codec).decode(frame))
    }
  })
  let at = 0
  while (at < bytes.length) {
    const end = random() < 0.5 ? bytes.length : at + 1 + below(random, bytes.length - at)
    const broken = decoder.push(bytes.subarray(at, end))
    if (broken !== undefined) return outcomeOf(broken)
    at = end
  }
  return decoder.isPartial() ? "unfinished" : outcome
}

/** Headers that claim the largest frame, and pickles that claim more than they are: memory must not be touched for a claim. */
const claims = (report: Report): void => {
  const header = Uint8Array.from(Frame.encode(Frame.make(Kind.Reply.result, 1))[0] ?? [])
  const view = new DataView(header.buffer)
  view.setUint32(8, Frame.DEFAULT_MAX_FRAME, true)
  view.setUint32(16, Frame.DEFAULT_MAX_FRAME, true)
  const before = process.memoryUsage()
  const decoders = Array.from({ length: 16 }, () =>
    Frame.decoder({ maxFrame: Frame.DEFAULT_MAX_FRAME, accepts: () => true, onFrame: () => {} })
  )
  for (const decoder of decoders) {
    const broken = decoder.push(header)
    if (broken !== undefined) throw new Error(`refused: ${broken.detail}`)
    decoder.push(new Uint8Array(1_000))
  }
  for (const opcode of [0x8d, 0x8e, 0x96, 0x95]) {
    for (const length of [2 ** 30, 2 ** 31, 2 ** 40]) {
      const meta = new Uint8Array(32).fill(0x2e)
      meta.set([0x80, 5, opcode])
      new DataView(meta.buffer).setBigUint64(3, BigInt(length), true)
      if (outcomeOf(decode(meta)) !== "violation") throw new Error(`opcode ${opcode} got ${length} bytes`)
    }
  }
  const after = process.memoryUsage()
  const partial = decoders.filter((decoder) => decoder.isPartial()).length
  const mebibytes = (key: "rss" | "external"): number => Math.round((after[key] - before[key]) / 2 ** 20)
  report(`${partial} headers that claim 1 GiB: resident memory, MiB`, within(32, mebibytes("rss"), "claims"))
  report(`${partial} headers that claim 1 GiB: address space, MiB`, mebibytes("external"))
}

// --- figures

const tally = () => {
  const counts: Record<Outcome, number> = { value: 0, violation: 0, unfinished: 0 }
  let worst = 0
  return {
    time: (index: number, read: () => Outcome): void => {
      const before = performance.now()
      counts[read()]++
      const took = performance.now() - before
      if (took > LIMIT) throw new Error(`item ${index} took ${took} ms`)
      if (took > worst) worst = took
    },
    report: (report: Report, name: string): void => {
      for (const [outcome, count] of Object.entries(counts)) report(`${name}, ${outcome}`, count)
      report(`${name}, worst, ms`, Number(worst.toFixed(2)))
    }
  }
}

/** Tells how far the peak of resident memory has come since, in MiB. */
const peakMemory = (): (() => number) => {
  const before = process.memoryUsage().rss / 2 ** 20
  return () => Math.max(0, Math.round(process.resourceUsage().maxRSS / 2 ** 10 - before))
}

const within = (limit: number, value: number, who: string): number => {
  if (!(value <= limit)) throw new Error(`${who}: ${value} MiB, the limit is ${limit}`)
  return value
}

// --- Python

const record = (kind: "F" | "P", meta: Uint8Array, buffers: ReadonlyArray<Uint8Array>): Uint8Array => {
  const lengths = Buffer.alloc(9 + 4 * buffers.length)
  lengths.write(kind, 0)
  lengths.writeUInt32LE(meta.length, 1)
  lengths.writeUInt32LE(buffers.length, 5)
  for (const [index, buffer] of buffers.entries()) lengths.writeUInt32LE(buffer.byteLength, 9 + 4 * index)
  return Buffer.concat([lengths, meta, ...buffers])
}

interface Figures {
  readonly name: string
  readonly [figure: string]: number | string
}

interface Reader {
  readonly take: (record: Uint8Array) => void
  readonly drained: () => Promise<void>
  /** What it counted. Fails with its traceback if it met anything else than it may. */
  readonly ended: () => Promise<Figures>
}

const isNewEnough = (python: string): boolean =>
  spawnSync(python, ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0

/** A process that reads what it is sent by the decoders of the runtime. */
const reader = (python: string): Reader => {
  const child = spawn(python, [fileURLToPath(new URL("fuzz.py", import.meta.url)), String(LIMIT)], {
    stdio: ["pipe", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  let batch: Array<Uint8Array> = []
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  child.stdin.on("error", () => {})
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve))
  const failed = (code: number | null): Error => new Error(`${python} ended with ${code}\n${stderr}`)
  return {
    take: (bytes) => void batch.push(bytes),
    drained: async () => {
      const bytes = Buffer.concat(batch)
      batch = []
      const written = new Promise<"written">((resolve) => child.stdin.write(bytes, () => resolve("written")))
      const outcome = await Promise.race([written, closed])
      if (outcome !== "written" || child.exitCode !== null) throw failed(await closed)
    },
    ended: async () => {
      child.stdin.end(Buffer.concat(batch))
      const code = await closed
      if (code !== 0) throw failed(code)
      return JSON.parse(stdout)
    }
  }
}
