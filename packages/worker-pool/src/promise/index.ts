/**
 * The pool for programs that do not use Effect: promises, `AbortSignal`, `for await`, `await using`.
 *
 * ```ts
 * import { createPool } from "@fireweed/worker-pool/promise"
 *
 * const pool = await createPool({ size: 1 })
 * const mean = await pool.call("statistics:mean", [[1, 2, 3, 4]], { timeout: 5_000 })
 * await pool.close()
 * if (mean !== 2.5) throw new Error("expected 2.5")
 * ```
 */
export {
  DeadlineExceeded,
  InvalidCall,
  PoolUnavailable,
  PythonError,
  QueueFull,
  SessionError,
  StartError,
  WorkerLost
} from "../CallError.ts"
export type { CallError } from "../CallError.ts"
export { MapError } from "../MapError.ts"
export * as Py from "../Py.ts"
export type { Items } from "./Items.ts"
export { AllFailed } from "../Fallback.ts"
export type { Answer as FallbackAnswer } from "../Fallback.ts"
export { withFallback } from "./fallback.ts"
export { createPool } from "./Pool.ts"
export type {
  Answer,
  BroadcastOptions,
  CallOptions,
  CheckedBroadcastOptions,
  CheckedCallOptions,
  CheckedMapOptions,
  MapOptions,
  Pool,
  PoolOptions,
  Session,
  SessionOptions,
  StreamOptions
} from "./Pool.ts"
