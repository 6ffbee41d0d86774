import { assert, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"

const int = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** What can happen to a circuit. `call` picks one of those in flight; one that is never picked hangs. */
const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literals(["start", "start", "start"]) }),
  Schema.Struct({ do: Schema.Literals(["succeed", "fail", "interrupt"]), call: int(7) }),
  Schema.Struct({ do: Schema.Literals(["fail"]), call: int(7) }),
  Schema.Struct({ do: Schema.Literals(["wait"]), millis: int(12_000) }),
  Schema.Struct({ do: Schema.Literals(["record", "trip", "reset"]) }),
  // Takes hold of the override, or lets go of it.
  Schema.Struct({
    do: Schema.Literals(["override"]),
    which: Schema.Literals(["ForcedOpen", "ForcedClosed", "Shadow"])
  })
])

const Scenario = Schema.Struct({
  trials: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
  concurrency: int(3),
  successes: int(3),
  failures: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  policy: int(3),
  steps: Schema.Array(Step).check(Schema.isMaxLength(60))
})

/** One of each kind, that opens after about so many failures. */
const policies = (failures: number): ReadonlyArray<CircuitBreaker.TripPolicy> => [
  CircuitBreaker.consecutive(failures),
  CircuitBreaker.failureRate({ rate: 0.5, over: { calls: failures } }),
  CircuitBreaker.failureRate({ rate: 0.5, over: { window: "8 seconds" }, minimum: failures }),
  CircuitBreaker.anyOf([
    CircuitBreaker.consecutive(failures),
    CircuitBreaker.slowCalls({ slowAfter: "9 seconds", rate: 0.5, over: { calls: failures } })
  ])
]

/** The moves that exist, with the reasons that exist for them. */
const causes: Record<string, ReadonlyArray<string>> = {
  "Closed-Open": ["ConsecutiveFailures", "FailureRate", "SlowCalls", "Tripped"],
  "Open-HalfOpen": ["OpenTimeOver"],
  "HalfOpen-Closed": ["TrialsSucceeded", "Reset"],
  "HalfOpen-Open": ["TrialFailed", "TrialSlow", "TrialsOverdue", "Tripped"],
  "Open-Closed": ["Reset"],
  "Closed-Closed": ["Overridden"],
  "Open-Open": ["Overridden"],
  "HalfOpen-HalfOpen": ["Overridden"]
}

interface Call {
  readonly reply: Deferred.Deferred<void, string>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** When the half-open period began of which it is a trial; `undefined` for a call that is no trial, or was fenced. */
  period: number | undefined
}

const play = Effect.fnUntraced(function* (scenario: typeof Scenario.Type) {
  const { failures, steps, trials } = scenario
  const concurrency = 1 + (scenario.concurrency % trials)
  const successes = 1 + (scenario.successes % trials)
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: policies(failures)[scenario.policy] ?? CircuitBreaker.consecutive(failures),
    openDuration: "10 seconds",
    halfOpen: { trials, concurrency, successes, deadline: "15 seconds" }
  })
  const transitions: Array<CircuitBreaker.Transition> = []
  const listening = yield* Effect.forkChild(
    Stream.runForEach(breaker.transitions, (transition) => Effect.sync(() => transitions.push(transition))),
    { startImmediately: true }
  )

  const inFlight: Array<Call> = []
  const seen = { settled: 0, rejected: 0 }

  const start = Effect.gen(function* () {
    const reply = yield* Deferred.make<void, string>()
    let ran = false
    const body = Effect.suspend(() => {
      ran = true
      return Deferred.await(reply)
    })
    const before = yield* breaker.snapshot
    const fiber = yield* Effect.forkChild(Effect.exit(breaker.run(body)), { startImmediately: true })
    const { since, state } = yield* breaker.snapshot
    const isTrial =
      state._tag === "HalfOpen" && (before.state._tag !== "HalfOpen" || state.running > before.state.running)
    if (ran) inFlight.push({ reply, fiber, period: isTrial ? since : undefined })
    else seen.rejected++
  })

  const settle = Effect.fnUntraced(function* (index: number, how: "succeed" | "fail" | "interrupt") {
    const [call] = inFlight.splice(index % Math.max(1, inFlight.length), 1)
    if (call === undefined) return
    if (how === "interrupt") yield* Fiber.interrupt(call.fiber)
    else
      yield* how === "succeed" ? Deferred.succeed(call.reply, undefined) : Deferred.fail(call.reply, "down")
    yield* Fiber.await(call.fiber)
    seen.settled++
  })

  const held = new Map<string, Scope.Closeable>()
  const letGo = (which: string) =>
    Effect.gen(function* () {
      const scope = held.get(which)
      held.delete(which)
      if (scope !== undefined) yield* Scope.close(scope, Exit.void)
    })
  /** One more holder, or one less; if that changes what lies over the circuit, all trials in flight are fenced. */
  const override = Effect.fnUntraced(function* (which: "ForcedOpen" | "ForcedClosed" | "Shadow") {
    const before = yield* breaker.snapshot
    if (held.has(which)) yield* letGo(which)
    else {
      const scope = yield* Scope.make()
      yield* Scope.provide(breaker.override(which), scope)
      held.set(which, scope)
    }
    if ((yield* breaker.snapshot).override === before.override) return
    for (const call of inFlight) call.period = undefined
  })

  const check = Effect.gen(function* () {
    const { calls, since, state } = yield* breaker.snapshot
    // Every call is accounted for, once.
    const settled = calls.successes + calls.failures + calls.ignored + calls.stale + calls.bypassed
    assert.strictEqual(settled, seen.settled)
    assert.strictEqual(calls.rejected, seen.rejected)
    if (state._tag !== "HalfOpen") return
    // Never more trials in flight than allowed; and what the circuit believes is so.
    const running = inFlight.filter(({ period }) => period === since).length
    assert.strictEqual(state.running, running)
    assert.strictEqual(state.started, running + state.succeeded)
    assert.isAtMost(running, concurrency)
    assert.isAtMost(state.started, trials)
    assert.isBelow(state.succeeded, successes)
  })

  for (const step of steps) {
    if ("millis" in step) yield* TestClock.adjust(step.millis)
    else if ("which" in step) yield* override(step.which)
    else if ("call" in step) yield* settle(step.call, step.do)
    else if (step.do === "start") yield* start
    else if (step.do === "trip") yield* breaker.trip
    else if (step.do === "reset") yield* breaker.reset
    else {
      yield* breaker.record(CircuitBreaker.failure())
      seen.settled++
    }
    yield* check
  }

  // No permit is lost: when all calls have ended, a healthy dependency closes the circuit, whatever came before.
  for (const which of held.keys()) yield* letGo(which)
  while (inFlight.length > 0) yield* settle(0, "interrupt")
  // A rate may still be over its limit when the first success makes it one of enough calls, so there are two rounds.
  for (let round = 0; round < 2; round++) {
    yield* TestClock.adjust("15 seconds")
    yield* breaker.state
    yield* TestClock.adjust("10 seconds")
    for (let i = 0; i < successes; i++) {
      yield* start
      yield* settle(0, "succeed")
    }
  }
  yield* check
  assert.strictEqual((yield* breaker.state)._tag, "Closed")

  // No transition without a cause, and none unseen.
  yield* TestClock.adjust("1 millis")
  for (const [i, { from, reason, to }] of transitions.entries()) {
    if (i === 0) continue
    assert.strictEqual(from, transitions[i - 1]?.to)
    assert.include(causes[`${from}-${to}`] ?? [], reason._tag)
  }
  assert.strictEqual(transitions.at(-1)?.to, "Closed")
  yield* Fiber.interrupt(listening)
  return new Set(transitions.map(({ from, reason, to }) => `${from}-${to} ${reason._tag}`))
})

it.effect("holds its promises in any interleaving", () =>
  Effect.gen(function* () {
    const met = new Set<string>()
    const property = (scenario: typeof Scenario.Type) =>
      Effect.map(play(scenario), (kinds) => {
        for (const kind of kinds) met.add(kind)
        return true
      })
    const result = yield* Arbitrary.checkEffect(Arbitrary.schema(Scenario), property, {
      runs: 1_200,
      size: 60,
      seed: 7
    })
    assert.isUndefined(Arbitrary.formatCheckFailure(result))
    // The scenarios reach every kind of transition, or the above would say little.
    const kinds = Object.entries(causes).flatMap(([move, reasons]) =>
      reasons.map((reason) => `${move} ${reason}`)
    )
    assert.sameMembers([...met], [...kinds, "undefined-Closed Created"])
  })
)
