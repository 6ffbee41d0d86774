/** The brand of breakers. */
export const TypeId = "~@fireweed/circuit-breaker/CircuitBreaker"
