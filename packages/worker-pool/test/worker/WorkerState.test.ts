import { assert, describe, it } from "@effect/vitest"
import type { WorkerEvent, WorkerState } from "../../src/worker/WorkerState.ts"
import * as State from "../../src/worker/WorkerState.ts"

const states: ReadonlyArray<WorkerState> = [
  "initializing",
  "ready",
  "busy",
  "degraded",
  "draining",
  "terminating",
  "terminated"
]
const events: ReadonlyArray<WorkerEvent> = ["ready", "full", "room", "silent", "well", "drain", "stop", "end"]

describe("D50 every event is legal in every state", () => {
  const moves = new Map<string, WorkerState>()
  for (const [from, event, to] of [
    ["initializing", "ready", "ready"],
    ["initializing", "drain", "draining"],
    ["ready", "full", "busy"],
    ["ready", "drain", "draining"],
    ["busy", "room", "ready"],
    ["busy", "drain", "draining"],
    ["ready", "silent", "degraded"],
    ["busy", "silent", "degraded"],
    ["degraded", "well", "ready"],
    ["degraded", "drain", "draining"],
    ...states.filter((state) => State.isAlive(state)).map((state) => [state, "stop", "terminating"] as const),
    ...states.filter((state) => state !== "terminated").map((state) => [state, "end", "terminated"] as const)
  ] as const) {
    moves.set(`${from} ${event}`, to)
  }
  for (const state of states) {
    for (const event of events) {
      const expected = moves.get(`${state} ${event}`) ?? state
      it(`${state}, ${event} -> ${expected}`, () => assert.strictEqual(State.next(state, event), expected))
    }
  }
})

it("only a ready worker takes a call, and one that stops answers none", () => {
  assert.deepStrictEqual(states.filter(State.isAvailable), ["ready"])
  assert.deepStrictEqual(states.filter(State.isAlive), [
    "initializing",
    "ready",
    "busy",
    "degraded",
    "draining"
  ])
})
