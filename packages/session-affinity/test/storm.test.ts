import { assert, it } from "@effect/vitest"
import type { AffinityEvent } from "@fireweed/session-affinity"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { generator } from "./support/random.ts"

const CALLERS = 1_000
const CALLS = 5
const SESSIONS = Array.from({ length: 200 }, (_, i) => `session-${i}`)
const CAPACITY = 40

it.effect("1,000 callers over 200 sessions while targets come, drain and go", () =>
  Effect.gen(function* () {
    const { below, pick } = generator(7)
    const faults: Array<string> = []
    const demand = (holds: boolean, what: string): void => {
      if (!holds) faults.push(what)
    }
    /** Where the state of each session is: what a call finds there, and hooks carry. */
    const state = new Map<string, string>()
    const carry = (key: string, from: string, target: string) =>
      Effect.andThen(
        Effect.sleep(below(5)),
        Effect.sync(() => {
          demand((state.get(key) ?? from) === from, `${key} is carried from where it is`)
          state.set(key, target)
        })
      )
    const affinity = yield* SessionAffinity.make({
      busy: (target) => target.load >= CAPACITY,
      waitFor: "10 seconds",
      maxWaiting: CALLERS,
      maxBindings: SESSIONS.length,
      restoreState: ({ from, key, target }) => carry(key, from, target)
    })

    const events: Array<AffinityEvent.AffinityEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(affinity.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )

    /** Never the same name again, so that a name is a cause. */
    let next = 0
    const alive: Array<string> = []
    const add = Effect.suspend(() => {
      const id = `target-${next++}`
      alive.push(id)
      return affinity.add(id)
    })
    const left = new Map<string, Set<string>>()
    const leave = (how: "drain" | "remove", id: string) =>
      Effect.map(affinity[how](id), (keys) => {
        const known = left.get(id)
        if (known === undefined) left.set(id, new Set(keys))
        else
          demand(
            keys.every((key) => known.has(key)),
            `what ${id} lost when it went, it had when it drained`
          )
      })
    for (let i = 0; i < 8; i++) yield* add

    let served = 0
    const running = new Map<string, number>()
    const call = (key: string) =>
      affinity.withTarget(key, ({ bound, epoch, target }) => {
        const now = affinity.lookupUnsafe(key)
        demand(
          bound && now._tag === "Bound" && now.target === target && now.epoch === epoch,
          `${key} is at ${target}`
        )
        demand((state.get(key) ?? target) === target, `the state of ${key} is at ${target}`)
        state.set(key, target)
        running.set(target, (running.get(target) ?? 0) + 1)
        demand((running.get(target) ?? 0) <= CAPACITY, `${target} is given what it can take`)
        served++
        return Effect.ensuring(
          Effect.sleep(below(10)),
          Effect.sync(() => running.set(target, (running.get(target) ?? 0) - 1))
        )
      })
    const caller = (n: number) =>
      Effect.forEach(
        Array.from({ length: CALLS }),
        () =>
          Effect.andThen(
            Effect.sleep(below(100)),
            Effect.suspend(() => call(SESSIONS[n % SESSIONS.length] ?? ""))
          ),
        { discard: true }
      )
    const callers = yield* Effect.forEach(
      Array.from({ length: CALLERS }, (_, n) => n),
      (n) => Effect.forkChild(caller(n), { startImmediately: true })
    )

    for (let round = 0; round < 60; round++) {
      yield* TestClock.adjust(10)
      const id = pick(alive)
      if (round % 3 === 0) yield* add
      if (round % 3 === 1) yield* leave("drain", id)
      if (round % 3 === 2) {
        alive.splice(alive.indexOf(id), 1)
        yield* leave("remove", id)
      }
      const { bindings, remembered } = yield* affinity.stats
      demand(bindings + remembered <= SESSIONS.length, "the bound holds")
    }
    yield* TestClock.adjust("1 minutes")
    yield* Fiber.joinAll(callers)
    const last = yield* Effect.forEach(SESSIONS, (key) => Effect.forkChild(affinity.resolve(key)))
    yield* TestClock.adjust("1 seconds")
    yield* Fiber.joinAll(last)

    assert.deepStrictEqual(faults, [])
    assert.strictEqual(served, CALLERS * CALLS)
    const stats = yield* affinity.stats
    assert.deepInclude(stats, { bindings: SESSIONS.length, waiting: 0, moving: 0, created: SESSIONS.length })
    for (const target of stats.targets) assert.strictEqual(target.load, 0, target.id)

    const moves = events.filter((event) => event._tag === "Moved")
    assert.strictEqual(moves.length, stats.moved)
    assert.isAbove(moves.length, SESSIONS.length)
    for (const [id, keys] of left) {
      const moved = moves.filter(({ from }) => from === id).map(({ key }) => key)
      assert.sameMembers(moved, [...keys], `each key of ${id} moved exactly once, and no other did`)
    }
    assert.isTrue(
      moves.every(({ from }) => left.has(from)),
      "nothing moved without a cause"
    )
  })
)
