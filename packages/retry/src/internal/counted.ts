/** A call is counted once by a budget, however many retries and hedges around it share that budget. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RetryBudget } from "../RetryBudget.ts"

/** The budgets that have counted the call that runs. */
const CountedBy = Context.Reference<ReadonlyArray<RetryBudget>>("@fireweed/retry/RetryBudget/CountedBy", {
  defaultValue: () => []
})

/**
 * The contexts that note a budget, by the context they were made from: a fiber makes many calls with one context, and to make another for
 * each would cost more than all else that is done for a call.
 */
const noting = new WeakMap<RetryBudget, WeakMap<Context.Context<never>, Context.Context<never>>>()

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
  return Effect.updateContext(self, (context: Context.Context<R>) => noted(context, budget, by))
}

const noted = <R>(
  context: Context.Context<R>,
  budget: RetryBudget,
  by: ReadonlyArray<RetryBudget>
): Context.Context<R> => {
  let known = noting.get(budget)
  if (known === undefined) noting.set(budget, (known = new WeakMap()))
  const found = known.get(context)
  if (isMadeFrom(found, context)) return found
  const made = Context.add(context, CountedBy, [...by, budget])
  known.set(context, made)
  return made
}

/** What was found under a context was made from it, and has all that is in it. */
const isMadeFrom = <R>(found: unknown, _context: Context.Context<R>): found is Context.Context<R> =>
  Context.isContext(found)
