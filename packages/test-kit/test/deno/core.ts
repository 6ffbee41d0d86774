import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { test } from "node:test"
import { Breakpoints, Dependency, eventually, Fixture, Leaks, Telemetry, Timeline } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

const virtual = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, TestClock.layer())))

test("a dependency is driven in virtual time, and its timeline printed", async () => {
  const printed = await virtual(
    Effect.gen(function* () {
      const timeline = yield* Timeline.make
      const { fails, inTurn, latency, succeeds } = Dependency
      const { call, calls } = Dependency.make(inTurn(fails(1), latency("2 seconds", succeeds())), {
        timeline
      })
      yield* Effect.exit(call)
      yield* Effect.forkChild(call)
      yield* eventually(() => timeline.entries.length === 4)
      strictEqual(calls(), 2)
      return Timeline.print(timeline)
    })
  )
  strictEqual(printed, "t = 0   call 1\nt = 0   call 1 fails\nt = 0   call 2\nt = 2s  call 2 succeeds")
})

test("a point stops code, and lets it go on", async () => {
  await virtual(
    Effect.gen(function* () {
      const points = Breakpoints.make()
      yield* points.hold("x")
      const fiber = yield* Effect.forkChild(points.at("x"))
      yield* points.reached("x")
      yield* points.release("x")
      yield* Fiber.join(fiber)
    })
  )
})

test("logs are captured", async () => {
  const { logs } = await virtual(
    Effect.provide(Effect.andThen(Effect.logInfo("hello"), Telemetry.Captured), Telemetry.layerCaptured)
  )
  deepStrictEqual(
    logs.map(({ message }) => message),
    ["hello"]
  )
})

test("timers and fibers that are left are named, with where they were made", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined
  let fiber: Fiber.Fiber<never> | undefined
  const careless = Effect.gen(function* () {
    timer = setTimeout(() => {}, 60_000)
    fiber = yield* Effect.forkDetach(Effect.never)
  })
  const { leaks } = await Effect.runPromise(Effect.flip(Leaks.check(careless, { timeout: "40 millis" })))
  clearTimeout(timer)
  if (fiber !== undefined) await Effect.runPromise(Fiber.interrupt(fiber))
  deepStrictEqual(
    leaks.map(({ kind }) => kind),
    ["timer", "fiber"]
  )
  for (const { origin, what } of leaks) ok(origin[0]?.includes("core.ts"), `${what}: ${origin.join()}`)
})

test("what fixtures release is no leak", async () => {
  await Effect.runPromise(
    Leaks.check(
      Effect.scoped(Effect.all([Fixture.temporaryFolder(), Fixture.port(), Fixture.environment({ FW: "1" })]))
    )
  )
})
