/** Time itself, as what something may take at the most. */
import type { Subject } from "../../../scripts/bench/bench.ts"

/** Does nothing for so many microseconds. */
export const spin = (microseconds: number): void => {
  const until = performance.now() + microseconds / 1_000
  while (performance.now() < until);
}

/** So many microseconds for each operation. */
export const spinning = (microseconds: number): Subject => ({
  name: `${microseconds} us, in a loop`,
  run: (n) => {
    for (let index = 0; index < n; index++) spin(microseconds)
  }
})
