/** The double stop of the system that this family descends from: two owners stopped one process, and the test failed in its teardown. */
import { assert, it } from "@effect/vitest"
import { Breakpoints, Fixture } from "@fireweed/test-kit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"

/** The process of a breaker; to stop it when it is gone is an error, as there. */
class Breaker {
  readonly child = spawn("sleep", ["60"], { stdio: "ignore" })
  stops = 0
  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }
  stop(): void {
    this.stops++
    process.kill(this.child.pid ?? 0, "SIGKILL")
  }
}

/** The linked process ends with what ended it, before the teardown comes to stop it. */
const dies = (breaker: Breaker) =>
  Effect.promise(async () => {
    const exit = once(breaker.child, "exit")
    breaker.child.kill("SIGKILL")
    await exit
  })

const reopens = (breaker: Breaker) => Effect.sync(() => assert.isTrue(breaker.isAlive))

/** The seed's teardown: is it alive? then stop it. */
const careless = (points: Breakpoints.Breakpoints) => (breaker: Breaker) =>
  Effect.gen(function* () {
    if (!breaker.isAlive) return
    yield* points.at("between alive and stop")
    breaker.stop()
  })

/** A test with this teardown, whose process dies while the teardown is between its question and its deed. */
const run = (teardown: (points: Breakpoints.Breakpoints) => Effect.Effect<Breaker, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const points = Breakpoints.make()
    yield* points.hold("between alive and stop")
    let breaker: Breaker | undefined
    const test = yield* Effect.forkChild(
      Effect.scoped(
        Effect.flatMap(teardown(points), (made) => {
          breaker = made
          return reopens(made)
        })
      )
    )
    yield* points.reached("between alive and stop")
    if (breaker !== undefined) yield* dies(breaker)
    yield* points.release("between alive and stop")
    return yield* Fiber.await(test)
  })

const withoutFixture = run((points) =>
  Effect.acquireRelease(
    Effect.sync(() => new Breaker()),
    careless(points)
  )
)

it.live("without a fixture, the test fails in its teardown though it passed: no such process", () =>
  Effect.gen(function* () {
    const exit = yield* withoutFixture
    assert.isTrue(Exit.isFailure(exit))
    assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /ESRCH/)
  })
)

it.fails("without a fixture, it is a test that fails", async () => {
  const exit = await Effect.runPromise(withoutFixture)
  assert.isTrue(Exit.isSuccess(exit))
})

it.live("D1 with a fixture, the same test passes, however often it is stopped, and that can be seen", () =>
  Effect.gen(function* () {
    let fixture: Fixture.Fixture<Breaker> | undefined
    const exit = yield* run((points) =>
      Effect.map(
        Fixture.make(
          Effect.sync(() => new Breaker()),
          careless(points),
          { name: "breaker" }
        ),
        (made) => {
          fixture = made
          return made.value
        }
      )
    )
    assert.isTrue(Exit.isSuccess(exit))
    yield* fixture?.release ?? Effect.die("no fixture")
    assert.deepStrictEqual([fixture?.state(), fixture?.releases(), fixture?.value.stops], ["gone", 2, 1])
  })
)

it.live("D1 with two owners, the process is stopped once", () =>
  Effect.gen(function* () {
    const breaker = yield* Effect.scoped(
      Effect.gen(function* () {
        const owned = yield* Fixture.childProcess(() => spawn("sleep", ["60"], { stdio: "ignore" }))
        yield* Effect.addFinalizer(() => Effect.orDie(owned.release))
        yield* owned.release
        return owned
      })
    )
    assert.deepStrictEqual([breaker.state(), breaker.releases()], ["released", 3])
  })
)
