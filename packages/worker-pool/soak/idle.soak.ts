/** What a worker costs that does nothing: how often it wakes up, its memory, and that of this process for it; spawned and forked. */
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import type { Part } from "../../../scripts/soak.ts"
import { quartiles } from "../../../scripts/bench/statistics.ts"

const WORKERS = 32
const SECONDS = 5
/** What is aimed at: memory that a forked worker with numpy has for itself, in MiB. */
const GOAL = 3.5
/** What is aimed at: memory that this process has for a worker, in KiB. */
const PARENT_GOAL = 100

const part: Part = {
  name: "idle",
  run: async (report) => {
    const numpy = await Effect.runPromise(hasNumpy)
    for (const start of ["spawn", "zygote"] as const) {
      for (const preload of [[], ...(numpy ? [["numpy"]] : [])]) {
        const what = `${start}, ${preload.join() || "bare"}`
        const { memory, parent, wakeUps } = await Effect.runPromise(Effect.scoped(watch(start, preload)))
        for (const [kind, sizes] of Object.entries(memory)) {
          report(`${what}: ${kind} of a worker, MiB`, Number(quartiles(sizes).median.toFixed(2)))
        }
        if (start === "zygote" && numpy && preload.length > 0)
          report(`${what}: private at most ${GOAL} MiB`, quartiles(memory.private).median <= GOAL)
        report(`${what}: memory of this process for a worker, KiB`, Math.round(parent / 1_024))
        report(`${what}: at most ${PARENT_GOAL} KiB`, parent <= PARENT_GOAL * 1_024)
        report(`${what}: wake-ups of ${WORKERS} workers in ${SECONDS} s`, wakeUps)
        if (wakeUps > 0) throw new Error(`idle workers woke up ${wakeUps} times`)
      }
    }
  }
}

export default part

const hasNumpy = Effect.scoped(
  Effect.flatMap(WorkerPool.make({ size: 1 }), (pool) =>
    Effect.map(
      pool.call("builtins:eval", ["__import__('importlib.util').util.find_spec('numpy') is not None"]),
      (found) => found === true
    )
  )
)

const Pids = Schema.Array(Schema.Int)

const watch = (start: "spawn" | "zygote", preload: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = yield* used
    const pool = yield* WorkerPool.make({ size: WORKERS, start, preload, output: "ignore" })
    let ready = yield* pool.snapshot
    while (ready.workers.length < WORKERS) {
      yield* Effect.sleep("20 millis")
      ready = yield* pool.snapshot
    }
    // Each has answered a call: what it does then for the first time is done.
    yield* Effect.forEach(ready.workers, () => pool.call("time:sleep", [0.05]), { concurrency: WORKERS })
    yield* Effect.sleep("1 second")
    const pids = yield* Schema.decodeUnknownEffect(Pids)(ready.workers.map(({ pid }) => pid))
    const quiet = pids.map(switches)
    yield* Effect.sleep(`${SECONDS} seconds`)
    const after = pids.map(switches)
    return {
      parent: ((yield* used) - before) / WORKERS,
      wakeUps: after.reduce((sum, count, index) => sum + count - (quiet[index] ?? 0), 0),
      memory: {
        resident: pids.map((pid) => mebibytes(pid, ["Rss"])),
        proportional: pids.map((pid) => mebibytes(pid, ["Pss"])),
        private: pids.map((pid) => mebibytes(pid, ["Private_Clean", "Private_Dirty"]))
      }
    }
  })

/** Bytes that are in use in this process, when no garbage is left; what a pool has left behind goes in turns. */
const used = Effect.gen(function* () {
  v8.setFlagsFromString("--expose-gc")
  for (let turn = 0; turn < 5; turn++) {
    vm.runInNewContext("gc()")
    yield* Effect.sleep("20 millis")
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

/** How often the threads of a process began to wait for something. */
const switches = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, "utf8")
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1])
  }, 0)

const mebibytes = (pid: number, fields: ReadonlyArray<string>): number => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
  const sum = fields.reduce(
    (total, field) => total + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]),
    0
  )
  return sum / 1_024
}
