export * as Behaviour from "./Behaviour.ts"
export * as MockWorker from "./MockWorker.ts"
export * as Start from "./Start.ts"
