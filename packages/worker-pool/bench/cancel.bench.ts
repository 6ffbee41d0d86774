/**
 * From the interruption of a call to the next answer of its worker. The goals are times, so each baseline is a wait: what a case may take, and
 * what it takes to have something that runs.
 */
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { pooled } from "./subjects.ts"

/** Until a call runs for sure, in milliseconds. */
const RUNNING = 10
/** From a cancellation to the end of a worker that does not obey, in milliseconds. */
const GRACE = 100

/** Starts the code, interrupts it, and waits for the answer to another call. */
const interrupted =
  (source: string) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
    let left = n
    const once = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(pool.call("builtins:exec", [source, {}]), {
        startImmediately: true
      })
      yield* Effect.sleep(RUNNING)
      yield* Fiber.interrupt(fiber)
      yield* pool.call("math:sqrt", [16], { idempotent: true })
    })
    return Effect.whileLoop({ while: () => left-- > 0, body: () => once, step: () => {} })
  }

/** Has a session run a loop in C, interrupts it, and waits until the session's next call fails with its worker. */
const killed = (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
  let left = n
  const once = Effect.scoped(
    Effect.gen(function* () {
      const session = yield* pool.session(`session ${sessions++}`, "builtins:range", [10 ** 12])
      const fiber = yield* Effect.forkChild(session.call("count", ["not there"]), { startImmediately: true })
      yield* Effect.sleep(RUNNING)
      yield* Fiber.interrupt(fiber)
      const error = yield* Effect.flip(session.call("count", [1]))
      if (error._tag !== "SessionError") return yield* error
    })
  )
  return Effect.whileLoop({ while: () => left-- > 0, body: () => once, step: () => {} })
}
let sessions = 0

/** Nothing but time: so much for each of `n`. */
const wait = (milliseconds: number): Subject => ({
  name: `${RUNNING} + ${milliseconds} ms`,
  run: (n) => Effect.runPromise(Effect.sleep(n * (RUNNING + milliseconds)))
})

const stops = (name: string, source: string, limit: number): Case => ({
  name: `interrupted: ${name}`,
  unit: "ms/call",
  baseline: wait(limit),
  subject: pooled("until the worker answers again", interrupted(source)),
  goal: { ratio: 1 }
})

export default bench([
  stops("a loop in Python", "while True: pass", 15),
  stops("sleep", "import time; time.sleep(60)", 15),
  stops("a regular expression that backtracks for ever", "import re; re.match('(a+)+$', 'a' * 40 + 'b')", 60),
  {
    name: `killed: a loop in C, ${GRACE} ms after its interruption`,
    unit: "ms/call",
    baseline: wait(GRACE + 10),
    // The second worker takes the next session while the first one starts again.
    subject: pooled("until the typed error", killed, { size: 2, cancelGrace: GRACE }),
    goal: { ratio: 1 }
  }
])
