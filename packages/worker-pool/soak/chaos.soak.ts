/**
 * Minutes of chaos with real workers, spawned and forked: killed, stopped, starved, corrupted and slowed at random, under a load of calls,
 * streams, maps and sessions. Each call has to end once, sessions have to keep their word, the pool has to be whole again in time, and
 * nothing may be left: no process, no descriptor, no memory.
 */
import type { Faults } from "@fireweed/test-kit"
import { Chaos } from "@fireweed/test-kit/workers"
import type { WorkerPool } from "@fireweed/worker-pool"
import { Process } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Part } from "../../../scripts/soak.ts"
import * as Interpreter from "../src/transport/Interpreter.ts"
import * as Zygote from "../src/transport/Zygote.ts"

/** How long each kind of worker is struck. */
const MINUTES = 2
const CALLS = 1_000
/** What is promised, in milliseconds: the pool is whole so long after the last strike. */
const WHOLE_WITHIN = 10_000
/** What may be left when everything is closed. */
const MORE = { descriptors: 0, mebibytes: 20 }

const fixtures = fileURLToPath(new URL("../test/fixtures", import.meta.url))

const part: Part = {
  name: "chaos",
  run: async (report) => {
    for (const start of ["spawn", "zygote"] as const) {
      await Effect.runPromise(round(start, 0))
      const before = left()
      const began = performance.now()
      const ends: Record<string, number> = {}
      const faults: Record<string, number> = {}
      let rounds = 0
      let slowest = 0
      while (performance.now() - began < MINUTES * 60_000) {
        const seen = await Effect.runPromise(round(start, ++rounds))
        for (const [how, count] of Object.entries(seen.ends)) ends[how] = (ends[how] ?? 0) + count
        for (const { fault } of seen.strikes) faults[fault] = (faults[fault] ?? 0) + 1
        slowest = Math.max(slowest, seen.wholeAfter)
      }
      report(`${start}: rounds of ${CALLS} pieces of load, each ended once`, rounds)
      report(`${start}: strikes`, JSON.stringify(faults))
      report(`${start}: ends`, JSON.stringify(ends))
      report(`${start}: whole again after at most, ms (${WHOLE_WITHIN} are promised)`, slowest)
      const after = left()
      report(`${start}: processes left`, after.children)
      report(`${start}: more descriptors`, after.descriptors - before.descriptors)
      report(`${start}: more memory, MiB`, Math.round(after.mebibytes - before.mebibytes))
      if (after.children > 0) throw new Error("a process is left")
      if (after.descriptors - before.descriptors > MORE.descriptors) throw new Error("a descriptor is left")
      if (after.mebibytes - before.mebibytes > MORE.mebibytes) throw new Error("memory is left")
    }
  }
}

export default part

const round = (start: "spawn" | "zygote", seed: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const interpreter = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      const launch = { interpreter, cwd: process.cwd(), env: {}, maxFrame: 2 ** 30 }
      const connect =
        start === "spawn"
          ? Process.connect(launch)
          : (yield* Zygote.make({
              ...launch,
              path: [fixtures],
              preload: ["sample", "saving"],
              startTimeout: 30_000,
              onOutput: () => {},
              onRefused: (reason) => {
                throw new Error(`nothing is forked: ${reason}`)
              }
            })).connect
      return yield* Chaos.run({
        plan: plan(seed),
        connect,
        pool: {
          size: 4,
          pythonPath: [fixtures],
          output: "ignore",
          crashLoop: { deaths: 1_000 },
          memory: { limit: 2 ** 29 },
          queue: { timeout: "1 minute" },
          recycle: { calls: 50, minLife: "500 millis" },
          heartbeat: { interval: "100 millis", killAfter: "500 millis", idle: "1 second" }
        },
        calls: CALLS,
        concurrency: 32,
        wholeWithin: WHOLE_WITHIN,
        load
      })
    })
  )

const plan = (seed: number): Faults.Plan => ({
  seed,
  rules: [
    { at: "send:CALL", fault: { _tag: "Kill" }, when: { chance: 0.02 } },
    { at: "receive:RESULT", fault: { _tag: "Kill" }, when: { chance: 0.005 } },
    { at: "start", fault: { _tag: "Kill" }, when: { chance: 0.02 } },
    { at: "send:CALL", fault: { _tag: "Stop", duration: "200 millis" }, when: { chance: 0.01 } },
    { at: "send:CALL", fault: { _tag: "Stop", duration: "3 seconds" }, when: { chance: 0.002 } },
    { at: "receive:RESULT", fault: { _tag: "Corrupt" }, when: { chance: 0.005 } },
    { at: "receive:RESULT", fault: { _tag: "Slow", duration: "20 millis" }, when: { chance: 0.02 } },
    { at: "send:CALL", fault: { _tag: "Starve" }, when: { chance: 0.002 } }
  ]
})

const load = (pool: WorkerPool.WorkerPool, index: number) => {
  switch (index % 8) {
    case 0:
      return Chaos.countingSession(pool, {
        key: `s${index}`,
        target: "sample:Counter",
        method: "add",
        calls: 5
      })
    case 1:
      return Chaos.survivingSession(pool, {
        key: `s${index}`,
        target: "saving:Ledger",
        method: "add",
        calls: 10,
        idempotent: index % 16 === 1
      })
    case 2:
      return Stream.runDrain(pool.stream("itertools:repeat", ["x", 200]))
    case 3:
      return pool.call("operator:mul", [new Uint8Array(100_000), 10], { idempotent: true })
    case 4:
      return index % 16 === 4
        ? pool.call("time:sleep", [0.2], { deadline: "50 millis" })
        : pool.call("time:sleep", [0.005], { idempotent: true })
    case 5:
      return Stream.runDrain(
        pool.map(
          "math:sqrt",
          Array.from({ length: 500 }, (_, n) => n),
          { idempotent: true }
        )
      ).pipe(Effect.mapError(({ reason }) => reason))
    default:
      return pool.call("operator:add", [index, 1], { idempotent: index % 2 === 0 })
  }
}

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** What this process has. */
const left = () => {
  collect()
  return {
    children: readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => parentOf(pid) === process.pid).length,
    descriptors: readdirSync("/proc/self/fd").length,
    mebibytes: process.memoryUsage().heapUsed / 2 ** 20
  }
}

const parentOf = (pid: string): number => {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8")
    return Number(status.slice(status.lastIndexOf(")") + 2).split(" ")[1])
  } catch {
    return 0
  }
}
