/** Counters whose labels have few values: the name of a policy or hedge, reasons, kinds. */
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type { Reason } from "../RetryExhausted.ts"

type Running = Fiber.Fiber<unknown, unknown>

export interface Retries {
  readonly attempt: (fiber: Running) => void
  readonly retry: (fiber: Running) => void
  readonly giveUp: (fiber: Running, reason: Reason) => void
}

export interface Hedges {
  readonly attempt: (fiber: Running, number: number) => void
  readonly refusal: (fiber: Running) => void
}

export const retries = (policy: string): Retries => {
  const reasons = {
    attempts: counter(giveUps, { policy, reason: "attempts" }),
    deadline: counter(giveUps, { policy, reason: "deadline" }),
    budget: counter(giveUps, { policy, reason: "budget" }),
    idempotency: counter(giveUps, { policy, reason: "idempotency" })
  }
  return {
    attempt: counter(retryAttempts, { policy }),
    retry: counter(retried, { policy }),
    giveUp: (fiber, reason) => reasons[reason](fiber)
  }
}

export const hedges = (hedge: string): Hedges => {
  const first = counter(hedgeAttempts, { hedge, kind: "first" })
  const beside = counter(hedgeAttempts, { hedge, kind: "beside" })
  return {
    attempt: (fiber, number) => (number === 1 ? first : beside)(fiber),
    refusal: counter(hedgeRefusals, { hedge })
  }
}

const retryAttempts = Metric.counter("retry_attempts", { description: "Attempts that began" })
const retried = Metric.counter("retry_retries", { description: "Failures after which it is tried again" })
const giveUps = Metric.counter("retry_give_ups", { description: "Calls that were given up, by reason" })
const hedgeAttempts = Metric.counter("hedge_attempts", {
  description: "Attempts that began, the first of a call or beside it"
})
const hedgeRefusals = Metric.counter("hedge_refusals", {
  description: "Attempts that did not begin because the budget was spent"
})

/** In the registry of the fiber that counts. */
const counter = (
  metric: Metric.Counter<number>,
  labels: Readonly<Record<string, string>>
): ((fiber: Running) => void) => {
  const own = Metric.withAttributes(metric, labels)
  return (fiber) => own.updateUnsafe(1, fiber.context)
}
