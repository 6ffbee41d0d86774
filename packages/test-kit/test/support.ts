/** What the tests with mock workers share. */
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError, PoolEvent } from "@fireweed/worker-pool"
import { MockWorker } from "@fireweed/test-kit/workers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A pool of mock workers, by default of one, and the record of what they were sent. */
export const pooled = (
  script: MockWorker.Script,
  options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}
) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(script, { start })
    const pool = yield* WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: mock.connect })
    return { mock, pool }
  })

/** The error of a call that has to fail with this tag. */
export const failure = <Tag extends CallError.CallError["_tag"], R>(
  tag: Tag,
  call: Effect.Effect<unknown, CallError.CallError, R>
) =>
  Effect.flatMap(Effect.flip(call), (error) =>
    isTagged(error, tag)
      ? Effect.succeed(error)
      : Effect.die(new Error(`expected a ${tag}`, { cause: error }))
  )

/** Collects the events of a pool from now on. */
export const record = (pool: WorkerPool.WorkerPool) =>
  Effect.gen(function* () {
    const events: Array<PoolEvent.PoolEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    return events
  })

/** Lets other fibers run until the condition holds; dies, and says what was waited for, if it never does. */
export const until = (what: string, condition: () => boolean, turns = 1_000): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (condition()) return Effect.void
    if (turns === 0) return Effect.die(new Error(`waited too long: ${what}`))
    return Effect.andThen(Effect.yieldNow, until(what, condition, turns - 1))
  })

const isTagged = <Tag extends CallError.CallError["_tag"]>(
  error: CallError.CallError,
  tag: Tag
): error is Extract<CallError.CallError, { readonly _tag: Tag }> => error._tag === tag
