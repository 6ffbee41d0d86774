/** The arithmetic of backoff: milliseconds in, milliseconds out. */
import * as Duration from "effect/Duration"
import type { Backoff, Limits, Step } from "./backoff.ts"

export const delayOf = <E>(
  backoff: Backoff<E>,
  retry: number,
  previous: Step,
  draw: number,
  error: E
): number => {
  switch (backoff.family) {
    case "linear":
      return spread(backoff, backoff.base + backoff.increment * (retry - 1), draw)
    case "exponential":
      return spread(backoff, backoff.base === 0 ? 0 : backoff.base * backoff.factor ** (retry - 1), draw)
    case "fibonacci":
      return spread(backoff, fibonacciOf(backoff.base, retry, backoff.cap), draw)
    case "delays":
      return spread(backoff, backoff.delays[Math.min(retry, backoff.delays.length) - 1] ?? 0, draw)
    case "custom":
      return spread(backoff, Duration.toMillis(backoff.delay(retry, error)), draw)
    case "decorrelated-v1":
      return within(backoff, backoff.base, 3 * Math.max(backoff.base, previous.delay), draw)
  }
  return within(backoff, ...decorrelated(backoff.base, retry - 1, previous.draw, draw))
}

const spread = (limits: Limits, delay: number, draw: number): number => {
  const { jitter } = limits
  const d = clamp(limits, delay)
  if (jitter === "none") return d
  if (jitter === "full") return within(limits, 0, d, draw)
  if (jitter === "equal") return within(limits, d / 2, d, draw)
  return within(limits, d * (1 - jitter.proportional), d * (1 + jitter.proportional), draw)
}

const within = (limits: Limits, low: number, high: number, position: number): number => {
  const from = clamp(limits, low)
  const to = clamp(limits, high)
  return Math.min(from + (to - from) * position, to)
}

const clamp = ({ cap, floor }: Limits, delay: number): number => Math.min(Math.max(delay, floor), cap)

const fibonacciOf = (base: number, retry: number, cap: number): number => {
  let [a, b] = [base, base]
  for (let n = 1; n < retry && a > 0 && a < cap; n++) [a, b] = [b, a + b]
  return a
}

// From here on x doubles exactly: the place within the range stays the same, and only the range would grow, to overflow.
const lastStage = 50

const decorrelated = (
  base: number,
  n: number,
  previousDraw: number,
  draw: number
): [number, number, number] => {
  const stage = Math.min(n, lastStage)
  const before = n === 0 ? 0 : x(stage - 1 + previousDraw)
  const widest = x(stage + 1) - (n === 0 ? 0 : x(stage - 1))
  return [0, (base * widest) / 1.4, (x(stage + draw) - before) / widest]
}

const x = (t: number): number => 2 ** t * Math.tanh(Math.sqrt(4 * t))
