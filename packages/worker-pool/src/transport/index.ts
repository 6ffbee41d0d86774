export * as Process from "./Process.ts"
export type * as Transport from "./Transport.ts"
export * as Zygote from "./Zygote.ts"
