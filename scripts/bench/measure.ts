/**
 * Measures one case: baseline, subject and peers are alive at once and visited in a changing order within each round, so
 * that a slow moment of the machine, a full heap or a warm cache falls on each of them alike.
 */
import type { Case, Goal, Subject } from "./bench.ts"
import { type Quartiles, quartiles } from "./statistics.ts"

/** How much to measure. */
export interface Plan {
  /** Rounds that count. */
  readonly rounds: number
  /** Milliseconds one visit of one subject should last; its number of operations is calibrated to that. */
  readonly visit: number
  /** Milliseconds each subject runs before anything counts, for the compiler to settle. */
  readonly warmUp: number
  /** How often the bytes that an operation allocates are counted. */
  readonly counts: number
  /** Whether a subject gets the operations at once that it asks for, however long they take. */
  readonly atScale: boolean
}

export const fullPlan: Plan = { rounds: 15, visit: 20, warmUp: 200, counts: 7, atScale: true }

/** Enough to see that a case runs and yields sane figures. */
export const smokePlan: Plan = { rounds: 1, visit: 1, warmUp: 0, counts: 1, atScale: false }

/** One line of `bench-results/<package>.json`. Times are in `unit`; `ratio` is the median of the rounds' own ratios. */
export interface Result {
  readonly case: string
  readonly unit: string
  /** `"free"` or `"one core"`, for a suite that is measured both ways. */
  readonly run?: string
  readonly subject: string
  readonly value: number
  readonly quartiles: Quartiles
  readonly baseline: string
  readonly baselineValue: number
  readonly ratio: number
  readonly ratioQuartiles: Quartiles
  /** Heap bytes that one operation of the subject allocates, or that one of what it makes keeps; absent when the collector cannot be called. */
  readonly bytes?: number
  readonly peers: ReadonlyArray<{ readonly name: string; readonly value: number; readonly ratio: number }>
  readonly goal?: Goal
  readonly ok: boolean
}

export const measure = async (case_: Case, plan: Plan): Promise<Result> => {
  const subjects = [case_.baseline, case_.subject, ...(case_.peers ?? [])]
  const ready: Array<Subject> = []
  try {
    for (const subject of subjects) {
      ready.push(subject)
      await subject.setup?.()
    }
    const entries = subjects.map((subject) => ({ subject, n: 1, times: new Array<number>() }))
    for (const entry of entries) entry.n = await calibrate(entry.subject, plan)
    for (let round = 0; round < plan.rounds; round++) {
      for (const entry of visitingOrder(entries, round)) {
        entry.times.push((await time(entry.subject, entry.n)) / entry.n)
      }
    }
    const bytes = await heapBytes(case_.subject, entries[1]?.n ?? 1, plan)
    return summarise(
      case_,
      entries.map((entry) => entry.times),
      bytes
    )
  } finally {
    for (const subject of ready.toReversed()) await subject.teardown?.()
  }
}

/** Starts one further each round, and every second round walks backwards: nobody is always first, or always after one other. */
export const visitingOrder = <A>(items: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const start = Math.floor(round / 2) % items.length
  const rotated = [...items.slice(start), ...items.slice(0, start)]
  return round % 2 === 0 ? rotated : rotated.toReversed()
}

/**
 * `times` holds nanoseconds per operation: those of the baseline, of the subject, then of each peer, round by round.
 */
export const summarise = (
  case_: Case,
  times: ReadonlyArray<ReadonlyArray<number>>,
  bytes: number | undefined
): Result => {
  const scale = nanosecondsIn(case_.unit)
  const [baseline = [], subject = [], ...peers] = times
  const toBaseline = (sample: ReadonlyArray<number>) =>
    quartiles(sample.map((value, round) => value / (baseline[round] ?? Number.NaN)))
  const value = quartiles(subject.map((t) => t / scale))
  const ratio = toBaseline(subject)
  const ok =
    (case_.goal?.ratio === undefined || ratio.median <= case_.goal.ratio) &&
    (case_.goal?.bytes === undefined || bytes === undefined || bytes <= case_.goal.bytes)
  return {
    case: case_.name,
    unit: case_.unit,
    subject: case_.subject.name,
    value: value.median,
    quartiles: value,
    baseline: case_.baseline.name,
    baselineValue: quartiles(baseline).median / scale,
    ratio: ratio.median,
    ratioQuartiles: ratio,
    ...(bytes === undefined ? {} : { bytes }),
    peers: peers.map((sample, index) => ({
      name: case_.peers?.[index]?.name ?? "",
      value: quartiles(sample).median / scale,
      ratio: toBaseline(sample).median
    })),
    ...(case_.goal === undefined ? {} : { goal: case_.goal }),
    ok
  }
}

/** Whether the figures can be true at all. */
export const isSane = (result: Result): boolean =>
  [
    result.value,
    result.baselineValue,
    result.ratio,
    ...result.peers.flatMap((peer) => [peer.value, peer.ratio])
  ].every((figure) => Number.isFinite(figure) && figure > 0)

const nanosecondsIn = (unit: Case["unit"]): number =>
  unit.startsWith("ns") ? 1 : unit.startsWith("us") ? 1e3 : 1e6

const time = async (subject: Subject, n: number): Promise<number> => {
  const start = process.hrtime.bigint()
  const pending = subject.run(n)
  // Only what is asynchronous waits: an `await` costs a turn, which a subject of nanoseconds would be charged for.
  if (pending !== undefined) await pending
  const elapsed = Number(process.hrtime.bigint() - start)
  if (subject.tidy !== undefined) await subject.tidy()
  return elapsed
}

/** Finds the number of operations that fills a visit, and warms up on the way. */
const calibrate = async (subject: Subject, plan: Plan): Promise<number> => {
  const target = plan.visit * 1e6
  const least = plan.atScale ? (subject.atLeast ?? 1) : 1
  let n = least
  let spent = 0
  for (;;) {
    const elapsed = Math.max(await time(subject, n), 1)
    spent += elapsed
    const filling = elapsed >= target / 2
    if (filling && spent >= plan.warmUp * 1e6)
      return least * Math.max(1, Math.round((n * target) / elapsed / least))
    if (!filling) n = Math.ceil(n * Math.min(10, (target / elapsed) * 1.1 + 1))
    if (n > 1e10)
      throw new Error(`"${subject.name}" takes no longer when asked for more operations: run(n) must loop`)
  }
}

/** What an operation allocates, or what it makes keeps. Needs `--expose-gc`. */
const heapBytes = async (subject: Subject, calibrated: number, plan: Plan): Promise<number | undefined> => {
  const { gc } = globalThis
  if (gc === undefined) return undefined
  if (subject.retained === undefined) return allocation(subject, calibrated, plan, gc)
  return Math.round(
    await subject.retained(() => {
      gc()
      const { external, heapUsed } = process.memoryUsage()
      return heapUsed + external
    })
  )
}

/**
 * Heap bytes per operation: the growth over few enough operations that the collector does not run in between; the median
 * of several counts, as one can be hit by a collection all the same.
 */
const allocation = async (
  subject: Subject,
  calibrated: number,
  plan: Plan,
  gc: () => void
): Promise<number> => {
  const n = Math.min(calibrated, 1000)
  const deltas: Array<number> = []
  for (let i = 0; i < plan.counts; i++) {
    gc()
    const before = process.memoryUsage().heapUsed
    const pending = subject.run(n)
    if (pending !== undefined) await pending
    deltas.push((process.memoryUsage().heapUsed - before) / n)
    await subject.tidy?.()
  }
  return Math.max(0, Math.round(quartiles(deltas).median))
}
