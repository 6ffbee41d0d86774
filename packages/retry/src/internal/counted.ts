/** A call is counted once by a budget, however many retries and hedges around it share that budget. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RetryBudget } from "../RetryBudget.ts"

/** The budgets that have counted the call that runs. */
const CountedBy = Context.Reference<ReadonlyArray<RetryBudget>>("@fireweed/retry/RetryBudget/CountedBy", {
  defaultValue: () => []
})

/** Counts a call that begins, unless it is part of one that was counted, and gives it with that noted. */
export const counted = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  budget: RetryBudget,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: number
): Effect.Effect<A, E, R> => {
  const by = fiber.getRef(CountedBy)
  if (by.includes(budget)) return self
  budget.callUnsafe(now)
  return Effect.provideService(self, CountedBy, [...by, budget])
}
