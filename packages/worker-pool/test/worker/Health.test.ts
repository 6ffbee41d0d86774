import { assert, describe, it } from "@effect/vitest"
import * as Health from "../../src/worker/Health.ts"

const LIMITS: Health.Limits = { interval: 1_000, killAfter: 6_000, idle: 10_000 }

/** What is done at each sweep, for sightings of `[oldest call, frames heard, time since the last sweep]`. */
const actions = (
  sightings: ReadonlyArray<readonly [oldest: number | undefined, heard: number, elapsed?: number]>,
  limits = LIMITS
): ReadonlyArray<Health.Action> => {
  let known = Health.UNKNOWN
  return sightings.map(([oldest, heard, elapsed = 1_000]) => {
    const { action, health } = Health.next({ oldest, heard, elapsed, planned: 1_000 }, known, limits)
    known = health
    return action
  })
}

/** What is done for an idle worker, from which so many frames had come at each sweep. */
const idle = (heard: ReadonlyArray<number>) =>
  actions(heard.map((frames) => [undefined, frames] as const)).flatMap((action, sweep) =>
    action === "none" ? [] : [`${sweep}: ${action}`]
  )

describe("a sweep over a worker", () => {
  it("leaves one alone that is idle, or runs another call, or has sent something", () => {
    assert.deepStrictEqual(
      actions([
        [undefined, 1],
        [undefined, 1],
        [undefined, 1]
      ]),
      ["none", "none", "none"]
    )
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4]
      ]),
      ["none", "none", "none", "none"]
    )
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 4]
      ]),
      ["none", "none", "none", "none"]
    )
  })

  it("does not take a call that began a moment ago for one that is old", () => {
    assert.deepStrictEqual(
      actions([
        [undefined, 5],
        [7, 5],
        [7, 5]
      ]),
      ["none", "none", "ping"]
    )
  })

  it("asks a silent one, and is content with an answer of any kind", () => {
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [1, 1],
        [1, 2],
        [1, 2],
        [1, 3]
      ]),
      ["none", "ping", "none", "ping", "none"]
    )
  })

  it("tells of one that has not answered for two intervals, once, and of its return", () => {
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 2],
        [1, 2]
      ]),
      ["none", "ping", "none", "unresponsive", "none", "responsive", "ping"]
    )
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [undefined, 2]
      ]).at(-1),
      "responsive"
    )
  })

  it("kills one that stays silent, once", () => {
    const silent = Array.from({ length: 12 }, () => [1, 1] as const)
    const done = actions(silent)
    assert.deepStrictEqual(
      done.flatMap((action, sweep) => (action === "none" ? [] : [`${sweep}: ${action}`])),
      ["1: ping", "3: unresponsive", "6: kill"]
    )
    const patient = actions(silent, { ...LIMITS, killAfter: Number.POSITIVE_INFINITY })
    assert.notInclude(patient, "kill")
  })

  it("D48 asks an idle one when it has been silent for long, and kills it when it stays so", () => {
    assert.deepStrictEqual(idle(Array.from({ length: 25 }, () => 1)), [
      "10: ping",
      "12: unresponsive",
      "20: kill"
    ])
    assert.deepStrictEqual(
      idle(Array.from({ length: 22 }, (_, sweep) => (sweep > 10 ? 2 : 1))),
      ["10: ping", "21: ping"],
      "an answer is a sign of life for as long again"
    )
  })

  it("holds nothing against a worker for the time in which this program was held up", () => {
    assert.deepStrictEqual(
      actions([
        [1, 1],
        [1, 1],
        [1, 1, 3_600_000],
        [1, 2]
      ]),
      ["none", "ping", "none", "none"]
    )
    const late = actions([
      [1, 1],
      [1, 1],
      [1, 1, 3_600_000],
      [1, 1, 3_600_000],
      [1, 1],
      [1, 1]
    ])
    assert.deepStrictEqual(late, ["none", "ping", "none", "unresponsive", "kill", "none"])
    assert.strictEqual(late.indexOf("kill"), 4, "1 + 2 + 2 + 1 seconds, not two hours")
  })

  it("knows for how long a call runs and for how long nothing came", () => {
    let known = Health.UNKNOWN
    const see = (oldest: number, heard: number): void => {
      known = Health.next({ oldest, heard, elapsed: 1_000, planned: 1_000 }, known, LIMITS).health
    }
    see(1, 1)
    see(1, 1)
    see(1, 2)
    assert.deepStrictEqual([known.runningFor, known.silentFor], [2_000, 0])
    see(1, 2)
    assert.deepStrictEqual([known.runningFor, known.silentFor], [3_000, 1_000])
    see(2, 2)
    assert.deepStrictEqual([known.runningFor, known.silentFor], [0, 0])
  })
})
