export * as Process from "./Process.ts"
export type * as Transport from "./Transport.ts"
