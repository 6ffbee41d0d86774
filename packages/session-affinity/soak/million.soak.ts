/** A million bindings: what they take, and how long each thing that touches all of them holds the event loop. */
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import type { Part } from "../../../scripts/soak.ts"

const COUNT = 1_000_000
const ROUNDS = 3
const GOALS = { bytes: 80, hold: 5 }

const part: Part = {
  name: "million-bindings",
  run: async (report) => {
    const collect = collector()
    const keys = flatKeys()
    const clock = await Effect.runPromise(Effect.scoped(TestClock.make()))
    const made = Effect.provideService(SessionAffinity.make({ maxBindings: COUNT }), Clock.Clock, clock)
    // Leaving the scope ends the sweeper; `stats` sweeps in the same way.
    const fresh = async (): Promise<SessionAffinity.SessionAffinity> => {
      const affinity = await Effect.runPromise(Effect.scoped(made))
      for (let i = 0; i < 32; i++) affinity.addUnsafe(`target-${i}`)
      return affinity
    }

    const before = await memory(collect)
    const affinity = await fresh()
    const placing = performance.now()
    for (const key of keys) affinity.resolveUnsafe(key)
    report("place a key, us", round((1_000 * (performance.now() - placing)) / COUNT))
    const bytes = ((await memory(collect)) - before) / COUNT
    report("memory beyond the key, B a binding", round(bytes))

    const saving = performance.now()
    const snapshot = await Effect.runPromise(affinity.snapshot)
    report("snapshot, ms", round(performance.now() - saving))
    const other = await fresh()
    report("restore, ms", await timed(() => Effect.runPromise(other.restore(snapshot))))
    report("remove one target of 32, ms", await timed(() => other.removeUnsafe("target-0").length))

    // What else the machine does can only lengthen a hold: the shortest of the rounds is nearest to the sweep's own.
    const holds = { expire: Number.POSITIVE_INFINITY, forget: Number.POSITIVE_INFINITY }
    for (let done = 1; done <= ROUNDS; done++) {
      for (const key of keys) affinity.resolveUnsafe(key)
      for (const what of ["expire", "forget"] as const) {
        await memory(collect)
        await Effect.runPromise(clock.adjust("30 minutes"))
        holds[what] = Math.min(holds[what], await longestHold(() => Effect.runPromise(affinity.stats)))
      }
      const { bindings, expired, remembered } = await Effect.runPromise(affinity.stats)
      if (bindings + remembered > 0 || expired !== done * COUNT) throw new Error("not all were swept")
    }
    report("longest hold of the event loop by a sweep that expires all, ms", round(holds.expire))
    report("longest hold by one that forgets all, ms", round(holds.forget))

    if (bytes > GOALS.bytes) throw new Error(`a binding takes ${bytes} B, more than ${GOALS.bytes}`)
    const hold = Math.max(holds.expire, holds.forget)
    if (hold > GOALS.hold)
      throw new Error(`a sweep held the event loop for ${hold} ms, longer than ${GOALS.hold}`)
  }
}

export default part

/** Strings in one piece, with their hashes: what a key costs by itself is not to be counted. */
const flatKeys = (): ReadonlyArray<string> => {
  const keys: ReadonlyArray<string> = JSON.parse(
    JSON.stringify(Array.from({ length: COUNT }, (_, i) => `session-${i}`))
  )
  if (new Set(keys).size !== COUNT) throw new Error("keys are not distinct")
  return keys
}

const collector = (): (() => void) => {
  v8.setFlagsFromString("--expose-gc")
  return vm.runInNewContext("gc")
}

const memory = async (collect: () => void): Promise<number> => {
  for (let i = 0; i < 4; i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** The longest time between two turns of the event loop, in milliseconds. */
const longestHold = async (work: () => Promise<unknown>): Promise<number> => {
  let longest = 0
  let last = performance.now()
  let done = false
  const turn = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!done) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  done = true
  return longest
}

const timed = async (work: () => unknown): Promise<number> => {
  const start = performance.now()
  await work()
  return round(performance.now() - start)
}

const round = (value: number): number => Number(value.toFixed(2))
