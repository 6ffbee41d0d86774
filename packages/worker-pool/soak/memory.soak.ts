/**
 * Memory, measured on the Python processes from outside: a leak with and without recycling, and an allocation beyond the limit.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import type { Part } from "../../../scripts/soak.ts"

const MIB = 2 ** 20
/** What each call leaves behind, and how many there are. */
const LEAK = 5 * MIB
const CALLS = 200
const RECYCLE_AT = 200 * MIB
/** What a worker may have beyond the limit when it is replaced: what it leaks until it is asked, and while its successor starts. */
const BEYOND = 300 * MIB
const LIMIT = 256 * MIB

const part: Part = {
  name: "memory",
  run: async (report) => {
    for (const recycles of [false, true]) {
      const seen = await Effect.runPromise(Effect.scoped(leak(recycles)))
      const name = recycles ? `recycled at ${RECYCLE_AT / MIB} MiB` : "not recycled"
      report(
        `${CALLS} calls that leak ${LEAK / MIB} MiB, ${name}: most that a worker had, MiB`,
        mebibytes(seen.most)
      )
      report(`${name}: workers that were replaced`, seen.replaced)
      report(`${name}: calls that failed`, seen.failed)
      if (seen.failed > 0) throw new Error("a call failed")
      if (recycles && seen.most > RECYCLE_AT + BEYOND) throw new Error("it was replaced too late")
      if (recycles && seen.replaced === 0) throw new Error("it was not replaced")
    }
    const { after, errors, most, pids } = await Effect.runPromise(Effect.scoped(limited))
    report(`limit of ${LIMIT / MIB} MiB: allocations beyond it that raised MemoryError, of 20`, errors)
    report("limit: most that the worker had, MiB", mebibytes(most))
    report("limit: what it has after them, MiB", mebibytes(after))
    report("limit: workers that served", pids)
    if (errors !== 20 || pids !== 1 || most > LIMIT + 64 * MIB) throw new Error("the limit does not hold")
  }
}

export default part

/** Kept in a module, so for as long as the process lives. */
const keep = `__import__("builtins").__dict__.setdefault("kept", []).append(b"x" * ${LEAK})`

const leak = (recycles: boolean) =>
  Effect.gen(function* () {
    const pool = yield* WorkerPool.make({
      size: 2,
      output: "ignore",
      recycle: recycles ? { memory: RECYCLE_AT, minLife: "100 millis" } : {}
    })
    let replaced = 0
    yield* Effect.forkScoped(
      Stream.runForEach(pool.events, (event) =>
        Effect.sync(() => {
          if (event._tag === "WorkerReplaced") replaced++
        })
      )
    )
    let failed = 0
    let most = 0
    for (let call = 0; call < CALLS; call++) {
      const exit = yield* Effect.exit(pool.call("builtins:eval", [keep]))
      if (exit._tag === "Failure") failed++
      yield* Effect.sleep("10 millis")
      for (const { pid } of (yield* pool.snapshot).workers) most = Math.max(most, resident(pid))
    }
    return { replaced, failed, most }
  })

const limited = Effect.gen(function* () {
  const pool = yield* WorkerPool.make({ size: 1, output: "ignore", memory: { limit: LIMIT } })
  const pids = new Set<unknown>()
  let errors = 0
  let most = 0
  for (let call = 0; call < 20; call++) {
    const error = yield* Effect.flip(pool.call("operator:mul", [new Uint8Array(MIB), 1_024]))
    if (error._tag === "PythonError" && error.reason === "memory") errors++
    pids.add(yield* pool.call("os:getpid"))
    most = Math.max(most, highest((yield* pool.snapshot).workers[0]?.pid))
  }
  return { errors, most, pids: pids.size, after: resident((yield* pool.snapshot).workers[0]?.pid) }
})

const mebibytes = (bytes: number): number => Math.round(bytes / MIB)

const resident = (pid: number | undefined): number => field(pid, "VmRSS")
const highest = (pid: number | undefined): number => field(pid, "VmHWM")

/** A field of its status, in bytes; 0 if it is gone. */
const field = (pid: number | undefined, name: string): number => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1_024
  } catch {
    return 0
  }
}
