export * as CallError from "./CallError.ts"
export type * as PoolEvent from "./PoolEvent.ts"
export * as Py from "./Py.ts"
export * as WorkerPool from "./WorkerPool.ts"
