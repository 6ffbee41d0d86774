/** The three quartiles of a sample: robust where a mean is not, as one slow round moves none of them far. */
export interface Quartiles {
  readonly q1: number
  readonly median: number
  readonly q3: number
}

/** The `p` quantile of `sorted` (0 to 1), interpolated linearly between the two nearest ranks. */
export const quantile = (sorted: ReadonlyArray<number>, p: number): number => {
  const rank = (sorted.length - 1) * p
  const below = sorted[Math.floor(rank)]
  const above = sorted[Math.ceil(rank)]
  if (below === undefined || above === undefined) return Number.NaN
  return below + (above - below) * (rank - Math.floor(rank))
}

export const quartiles = (sample: ReadonlyArray<number>): Quartiles => {
  const sorted = sample.toSorted((a, b) => a - b)
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}
