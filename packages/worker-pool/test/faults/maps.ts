/** Maps of which one item goes wrong. */
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Act, Fault, Section } from "./Fault.ts"
import { HANG, value } from "./Fault.ts"

/** The results that came, and the error: of which items it was, and what. */
const map =
  (target: string, items: ReadonlyArray<unknown>, options: WorkerPool.MapOptions = {}): Act =>
  (pool) =>
    Effect.gen(function* () {
      const results: Array<unknown> = []
      const all = pool.map(target, items, { chunk: 4, concurrency: 1, ...options })
      const end = yield* Effect.result(
        Stream.runForEach(all, (item) => Effect.sync(() => results.push(item)))
      )
      if (Result.isSuccess(end)) return { results }
      const { count, index, reason } = end.failure
      return { results, index, count, error: `${reason._tag} ${reason.reason}` }
    })

/** Items are Python, four in a chunk: the seventh is it. */
const fault = (
  name: string,
  seventh: string,
  expected: { readonly count: number; readonly error: string },
  reuse: Fault["reuse"],
  more: Partial<Fault> & { readonly options?: WorkerPool.MapOptions } = {}
): Fault => ({
  name,
  act: map("faults:evaluate", ["1", "2", "3", "4", "5", "6", seventh, "8", "9"], more.options),
  // Of an item that cannot be blamed, those of its chunk that came before it are lost with it.
  expected: value(
    expected.count === 1
      ? { results: [1, 2, 3, 4, 5, 6], index: 6, ...expected }
      : { results: [1, 2, 3, 4], index: 4, ...expected }
  ),
  reuse,
  ...more
})

const late = { count: 4, error: "DeadlineExceeded running" }
const patient = { options: { deadline: HANG } }

export const maps: Section<Fault> = {
  name: "maps",
  faults: [
    fault("an item raises", "1 / 0", { count: 1, error: "PythonError raised" }, "reused"),
    fault("an item leaves", "sys.exit(3)", { count: 1, error: "PythonError exit" }, "reused"),
    fault(
      "an item gives what cannot be carried",
      "evaluate",
      { count: 1, error: "InvalidCall result" },
      "reused"
    ),
    fault("an item is a generator", "endless()", { count: 1, error: "InvalidCall stream" }, "reused"),
    fault(
      "an item is a coroutine among values, and raises",
      "asynchronous(Key())",
      { count: 1, error: "PythonError raised" },
      "reused"
    ),
    fault("an item ends the process", "os._exit(3)", { count: 4, error: "WorkerLost exit" }, "replaced"),
    fault(
      "an item kills the process",
      "os.kill(os.getpid(), 9)",
      { count: 4, error: "WorkerLost signal" },
      "replaced"
    ),
    fault("an item hangs", "_sleep(60)", late, "reused", patient),
    fault("an item waits on the loop", "asynchronous('sleep')", late, "reused", patient),
    fault(
      "an item answers for all",
      "answer(b'[1,2,3,4,5]', kind=0x86, flags=1)",
      { count: 4, error: "WorkerLost violation" },
      "replaced"
    ),
    {
      name: "endless, and the consumer leaves",
      act: (pool) =>
        pool
          .map(
            "math:sqrt",
            Stream.iterate(0, (n) => n + 1)
          )
          .pipe(
            Stream.take(3),
            Stream.runCollect,
            Effect.mapError(({ reason }) => reason)
          ),
      expected: value([0, 1, Math.SQRT2]),
      reuse: "reused"
    }
  ]
}
