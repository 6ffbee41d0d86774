/** Values of 100 MB through a real pool, each way, five times: the same bytes arrive, and how fast and at what cost in memory is told. */
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { randomFillSync } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { crc32 } from "node:zlib"
import type { Part, Report } from "../../../scripts/soak.ts"

const LENGTH = 100_000_000
const ROUNDS = 5
const target = (name: string): string => `${fileURLToPath(new URL("large.py", import.meta.url))}:${name}`

type Large = Uint8Array | Float64Array

interface Sample {
  readonly name: string
  readonly python: string
  readonly make: () => Large
  /** Makes one in Python. */
  readonly making: readonly [name: string, length: number]
  readonly is: (value: unknown) => value is Large
}

const samples: ReadonlyArray<Sample> = [
  {
    name: "bytes",
    python: "bytes",
    make: () => randomFillSync(new Uint8Array(LENGTH)),
    making: ["make_bytes", LENGTH],
    is: (value) => value instanceof Uint8Array
  },
  {
    name: "Float64Array",
    python: "array",
    make: () => new Float64Array(LENGTH / 8).map((_, index) => index * 0.37),
    making: ["make_doubles", LENGTH / 8],
    is: (value) => value instanceof Float64Array
  }
]

const part: Part = {
  name: "large",
  run: (report) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* WorkerPool.make({ size: 1, output: "ignore" })
          const pid = (yield* pool.snapshot).workers[0]?.pid
          for (const sample of samples) {
            const there: Array<number> = []
            const back: Array<number> = []
            const restarted = restartPeak("self") && restartPeak(pid)
            for (let round = 0; round < ROUNDS; round++) {
              const sent = sample.make()
              there.push(yield* timed(pool.call(target("keep"), [sent])))
              expect(sent, sample, yield* pool.call(target("checksum")))
              yield* pool.call(target(sample.making[0]), [sample.making[1]])
              let got: unknown
              back.push(yield* timed(Effect.map(pool.call(target("give")), (value) => (got = value))))
              if (!sample.is(got)) throw new Error(`${sample.name}: another type came back`)
              expect(got, sample, yield* pool.call(target("checksum")))
            }
            speed(report, `${sample.name} to Python`, there)
            speed(report, `${sample.name} from Python`, back)
            if (!restarted) continue
            report(`${sample.name}, peak memory here, MiB`, peak("self"))
            report(`${sample.name}, peak memory of the worker, MiB`, peak(pid))
          }
        })
      )
    )
}

export default part

const timed = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const before = performance.now()
    return Effect.map(effect, () => performance.now() - before)
  })

const expect = (value: Large, { name, python }: Sample, checksum: unknown): void => {
  const mine = [crc32(Buffer.from(value.buffer, value.byteOffset, value.byteLength)), value.length, python]
  if (JSON.stringify(mine) !== JSON.stringify(checksum)) {
    throw new Error(`${name}: ${JSON.stringify(mine)} here, ${JSON.stringify(checksum)} in Python`)
  }
}

const speed = (report: Report, name: string, times: ReadonlyArray<number>): void => {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  report(`${name}, ms`, sorted.map((time) => time.toFixed(0)).join(" "))
  report(`${name}, median GB/s`, Number((LENGTH / 1e6 / median).toFixed(2)))
}

// --- memory, as Linux tells it

/** Lets the peak of resident memory begin anew; whether that can be done here. */
const restartPeak = (pid: number | "self" | undefined): boolean => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5")
    return true
  } catch {
    return false
  }
}

const peak = (pid: number | "self" | undefined): number => {
  const kibibytes = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Math.round(Number(kibibytes) / 1024)
}
