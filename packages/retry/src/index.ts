export * as Backoff from "./Backoff.ts"
export * as Category from "./Category.ts"
export * as Retry from "./Retry.ts"
