/** Broadcasts for programs without Effect: what each worker said, as `Promise.allSettled` tells it. */
import * as Result from "effect/Result"
import type { Target, WorkerPool } from "../WorkerPool.ts"
import * as CallOption from "./CallOption.ts"
import { readBy } from "./Maps.ts"
import type { Answer, CheckedBroadcastOptions, Pool } from "./Pool.ts"
import { run } from "./run.ts"

/** The broadcasts of a pool. */
export const make = (pool: WorkerPool): Pool["broadcast"] => {
  function broadcast<A>(
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: Partial<CheckedBroadcastOptions<A>>
  ): Promise<ReadonlyArray<Answer<Awaited<A>>>>
  async function broadcast(
    target: Target,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedBroadcastOptions<unknown>> = {}
  ): Promise<ReadonlyArray<Answer<unknown>>> {
    const { call, signal } = CallOption.read("pool.broadcast", target, args, options, CallOption.BROADCAST)
    const { key, remember, result } = options
    if (remember !== undefined && typeof remember !== "boolean")
      throw new TypeError(`pool.broadcast: remember must be true or false, not ${String(remember)}`)
    const { deadline, kwargs } = call
    const given = { deadline, kwargs, key, remember }
    const answers = await run(
      result === undefined
        ? pool.broadcast(target, args, given)
        : pool.broadcast(target, args, { ...given, result: readBy(result) }),
      signal
    )
    return answers.map(({ result: said, worker }) =>
      Result.isSuccess(said)
        ? { worker, status: "fulfilled", value: said.success }
        : { worker, status: "rejected", reason: said.failure }
    )
  }
  return broadcast
}
