/** The clock by which everything here counts time: one that does not run backwards, in milliseconds. */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"

export const monotonic = (fiber: Fiber.Fiber<unknown, unknown>): number =>
  Number(fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()) / 1_000_000
