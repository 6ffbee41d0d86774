export * as CircuitBreaker from "./CircuitBreaker.ts"
export * as CircuitBreakers from "./CircuitBreakers.ts"
