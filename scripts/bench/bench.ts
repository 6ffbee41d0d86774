/**
 * What a benchmark file says. `packages/<name>/bench/*.bench.ts` default-exports `bench(cases)`; `pnpm bench` finds it,
 * measures every case against its baseline in one process, and reports ratios: absolute times depend on the machine
 * and its mood, a ratio to something measured in the same breath does not.
 *
 * This file names no runtime API, so that a package without Node's types can import it.
 */

/** One way of doing the work. */
export interface Subject {
  readonly name: string
  /** Does the operation `n` times: the loop is the subject's own, so that it costs no call of ours per operation. */
  readonly run: (n: number) => void | Promise<void>
  /**
   * Fewest operations of one visit, for a subject whose cost depends on how many there are at once; a smoke does fewer. Default 1.
   */
  readonly atLeast?: number
  /**
   * Measures the bytes that one of what it makes keeps, which are then told in place of those that an operation allocates. `used` collects
   * garbage, and tells how many bytes are in use.
   */
  readonly retained?: (used: () => number) => Promise<number>
  /** Runs after each visit, for what that leaves open; its time does not count. */
  readonly tidy?: () => void | Promise<void>
  /** Runs once, before any round; all subjects of a case are set up together and stay alive through all rounds. */
  readonly setup?: () => void | Promise<void>
  /** Runs once, after the last round, also when a round failed. */
  readonly teardown?: () => void | Promise<void>
}

/** Upper limits; a case that exceeds one is a miss. */
export interface Goal {
  /** Time of the subject divided by the time of the baseline. */
  readonly ratio?: number
  /** Bytes of heap allocated by one operation of the subject, or kept by one of what it makes. */
  readonly bytes?: number
}

/** A claim about cost: what `subject` costs next to `baseline`, and next to `peers`, the other libraries that do it. */
export interface Case {
  readonly name: string
  /** How to print a figure: a time per something, for example `"ns/op"`, `"us/call"`, `"ms/start"`. */
  readonly unit: `${"ns" | "us" | "ms"}/${string}`
  readonly baseline: Subject
  readonly subject: Subject
  readonly peers?: ReadonlyArray<Subject>
  readonly goal?: Goal
}

export interface Options {
  /**
   * Measure twice: as it is, and with the whole process tree on one core (where `taskset` exists). For round trips
   * between processes, whose free figures depend on where the scheduler puts the two ends. Default `false`.
   */
  readonly pinned?: boolean
}

/** What a benchmark file exports. */
export interface Suite {
  readonly cases: () => Promise<ReadonlyArray<Case>>
  readonly pinned: boolean
}

/**
 * Makes a suite. Cases that need something first (an optional peer, a built value) come from an async function, which is
 * called in the process that measures.
 */
export const bench = (
  cases: ReadonlyArray<Case> | (() => ReadonlyArray<Case> | Promise<ReadonlyArray<Case>>),
  options: Options = {}
): Suite => ({
  cases: async () => (typeof cases === "function" ? cases() : cases),
  pinned: options.pinned ?? false
})
