/**
 * Random calls, movements and interruptions at once. A naive model knows nothing but the events: applied one by one to an empty map, they must
 * lead to what the table says.
 */
import { assert, describe, it } from "@effect/vitest"
import type { AffinityEvent, Binding, Movement } from "@fireweed/session-affinity"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { generator } from "./support/random.ts"

const KEYS = Array.from({ length: 8 }, (_, i) => `k${i}`)
const TARGETS = ["a", "b", "c", "d"]
const CAPACITY = 2
const WAIT_FOR = 40
const STEPS = 150
const SEEDS = 15

interface Call {
  readonly key: string
  readonly number: number
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** What the events alone tell. */
class Replica {
  readonly bindings = new Map<string, { readonly target: string; readonly epoch: number }>()
  readonly epochs = new Map<string, number>()

  apply(event: AffinityEvent.AffinityEvent, where: string): void {
    if (event._tag === "NearlyFull" || event._tag === "MoveFailed") return
    assert.notStrictEqual(event._tag, "Missed", where)
    if (event._tag === "Missed") return
    const { epoch, key, target } = event
    const before = this.bindings.get(key)
    if (event._tag === "Bound" || event._tag === "Moved") {
      assert.isAbove(epoch, this.epochs.get(key) ?? 0, `${where}: epochs grow`)
      this.epochs.set(key, epoch)
      if (event._tag === "Bound") assert.isUndefined(before, `${where}: ${key} was not bound`)
      else if (before !== undefined)
        assert.strictEqual(before.target, event.from, `${where}: moved from where it was`)
      this.bindings.set(key, { target, epoch })
    } else {
      assert.deepStrictEqual(before, { target, epoch }, `${where}: what ended is what was`)
      this.bindings.delete(key)
    }
  }
}

const run = (seed: number, ordered: boolean, expiry: "sliding" | "absolute") =>
  Effect.gen(function* () {
    const { below, pick } = generator(seed)
    let where = `seed ${seed}`
    const carried = new Set<string>()
    const running = new Map<string, number>()
    const started = new Map<string, number>()
    const served = new Map<string, number>()
    const load = new Map<string, number>()
    let moves = 0
    /** Found where throwing would end in a hook's failure, or in nothing. */
    const faults: Array<string> = []
    const demand = (holds: boolean, what: string): void => {
      if (!holds) faults.push(`${where}: ${what}`)
    }

    /** Takes its time, and fails now and then; no call of an ordered key runs meanwhile, and no other hook of it. */
    const hook = ({ key, metadata }: Movement.Movement) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          demand(!carried.has(key), `one hook at a time for ${key}`)
          demand((metadata["of"] ?? key) === key, `the metadata of ${key}`)
          if (ordered) demand((running.get(key) ?? 0) === 0, `no call of ${key} runs`)
          carried.add(key)
          moves++
        }),
        () =>
          Effect.andThen(
            Effect.sleep(below(30)),
            Effect.suspend(() => (below(4) === 0 ? Effect.fail("no") : Effect.void))
          ),
        () => Effect.sync(() => carried.delete(key))
      )

    const affinity = yield* SessionAffinity.make({
      busy: (target) => target.load >= CAPACITY,
      waitFor: WAIT_FOR,
      maxWaiting: 12,
      maxBindings: 6,
      whenFull: "evict",
      expireAfter: 200,
      expiry,
      ordered,
      saveState: below(3) === 0 ? undefined : hook,
      restoreState: below(3) === 0 ? undefined : hook
    })
    const replica = new Replica()
    const listening = yield* Effect.forkChild(
      Stream.runForEach(affinity.events, (event) => Effect.sync(() => replica.apply(event, where))),
      { startImmediately: true }
    )

    const use = (number: number, since: number) => (assignment: Binding.Assignment) => {
      const { bound, epoch, key, target } = assignment
      const begun = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        demand(!bound || !carried.has(key), `${key} is not served on its way`)
        demand(ordered || now - since <= WAIT_FOR, "no wait is longer than it may be")
        running.set(key, (running.get(key) ?? 0) + 1)
        load.set(target, (load.get(target) ?? 0) + 1)
        demand(
          (served.get(key) ?? 0) <= epoch,
          `no call of ${key} is served by an incarnation that has ended`
        )
        served.set(key, epoch)
        if (!ordered) return
        demand(running.get(key) === 1, `one call of ${key} at a time`)
        demand(number > (started.get(key) ?? 0), `calls of ${key} in order of arrival`)
        started.set(key, number)
      })
      const ended = Effect.sync(() => {
        running.set(key, (running.get(key) ?? 0) - 1)
        load.set(target, (load.get(target) ?? 0) - 1)
      })
      return Effect.acquireUseRelease(
        begun,
        () => Effect.andThen(Effect.sleep(below(25)), below(5) === 0 ? Effect.fail("no") : Effect.void),
        () => ended
      )
    }

    const calls = new Set<Call>()
    let number = 0
    for (let step = 0; step < STEPS; step++) {
      where = `seed ${seed}, step ${step}`
      const key = pick(KEYS)
      const id = pick(TARGETS)
      switch (below(14)) {
        case 0:
        case 1:
          yield* affinity.add(id)
          break
        case 2: {
          const expected = [...replica.bindings].filter(([, at]) => at.target === id).map(([held]) => held)
          const removed = yield* affinity.remove(id)
          // What expired at this moment is not among them, and its event has not come yet.
          for (const held of removed) assert.include(expected, held, `${where}: it held what it lost`)
          for (const held of expected) {
            const now = yield* affinity.lookup(held)
            if (!removed.includes(held))
              assert.strictEqual(now._tag, "Expired", `${where}: it lost what it held`)
          }
          break
        }
        case 3:
          yield* affinity.drain(id)
          break
        case 4:
          yield* Effect.exit(affinity.bind(key, id))
          break
        case 5:
          yield* affinity.unbind(key)
          break
        case 6:
          yield* affinity.annotate(key, { of: key })
          break
        case 7: {
          const [call] = [...calls].filter(() => below(3) === 0)
          if (call !== undefined) yield* Fiber.interrupt(call.fiber)
          break
        }
        default: {
          const mode = pick(["wait", "wait", "wait", "prefer", "strict", "rebind"] as const)
          const since = yield* Clock.currentTimeMillis
          const fiber = yield* Effect.forkChild(affinity.withTarget(key, use(++number, since), { mode }), {
            startImmediately: true
          })
          const call = { key, number, fiber }
          calls.add(call)
          fiber.addObserver((exit) => {
            calls.delete(call)
            demand(!Exit.hasDies(exit), `no call dies: ${String(exit)}`)
          })
        }
      }
      yield* TestClock.adjust(below(12))
      yield* check(affinity, replica, load, where)
    }

    yield* Fiber.interruptAll([...calls].map((call) => call.fiber))
    yield* TestClock.adjust(1_000)
    const { moving, targets, waiting } = yield* affinity.stats
    assert.deepStrictEqual(
      [
        moving,
        waiting,
        ...targets.map((target) => target.load),
        ...targets.map((target) => target.waiting)
      ].filter((count) => count !== 0),
      [],
      `${where}: all comes to rest`
    )
    yield* Fiber.interrupt(listening)
    assert.deepStrictEqual(faults, [])
    return moves
  })

/** With nothing left to do until time passes. */
const check = (
  affinity: SessionAffinity.SessionAffinity,
  replica: Replica,
  load: ReadonlyMap<string, number>,
  where: string
) =>
  Effect.gen(function* () {
    const { bindings, moving, remembered, targets } = yield* affinity.stats
    yield* TestClock.adjust(0)
    assert.isAtMost(bindings + remembered, 6, `${where}: the bound holds`)
    const held = targets.reduce((sum, target) => sum + target.bindings, 0)
    assert.strictEqual(held, bindings + moving, `${where}: each key counts where it is, and where it goes`)
    for (const { id, load: counted, waiting } of targets) {
      assert.isAtMost(counted, CAPACITY, `${where}: ${id} is given no more than it can take`)
      assert.isAtMost(counted, load.get(id) ?? 0, `${where}: each lease of ${id} is one of a call`)
      if (waiting > 0)
        assert.strictEqual(counted, CAPACITY, `${where}: nobody waits for ${id}, which is free`)
    }
    const live = (yield* affinity.snapshot).bindings
    assert.sameDeepMembers(
      live.map(({ epoch, key, target }) => [key, { target, epoch }]),
      [...replica.bindings],
      `${where}: the table is what its events say`
    )
  })

describe("random calls in all modes, with hooks, interruptions, and all that can happen to keys and targets", () => {
  for (const ordered of [false, true]) {
    for (const expiry of ["sliding", "absolute"] as const) {
      it.effect(`ordered: ${ordered}, expiry: ${expiry}`, () =>
        Effect.gen(function* () {
          let moves = 0
          for (let seed = 1; seed <= SEEDS; seed++) moves += yield* Effect.scoped(run(seed, ordered, expiry))
          assert.isAbove(moves, SEEDS)
        })
      )
    }
  }
})
