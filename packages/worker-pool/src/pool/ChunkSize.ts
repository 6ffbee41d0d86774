/**
 * How many items go in one call of a map: as many as take some milliseconds, so that the cost of a call hardly counts, and nobody waits
 * long behind it. It begins with one, since an item may take hours.
 */

/** What a chunk shall take in Python, in milliseconds. */
export const TARGET = 5
/** The most that a chunk has by itself. */
export const MOST = 4_096
/** No chunk is more times larger than one whose time is known. */
const GROWTH = 4

/** The size of a chunk when one of that size has had so many items (fewer at an end), and took so many milliseconds. */
export const next = (size: number, items: number, took: number): number => {
  const fitting = took > 0 ? Math.floor((items * TARGET) / took) : Number.POSITIVE_INFINITY
  return Math.max(1, Math.min(fitting, size * GROWTH, MOST))
}
