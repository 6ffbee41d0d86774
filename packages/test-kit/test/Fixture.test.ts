import { assert, describe, it } from "@effect/vitest"
import { Fixture } from "@fireweed/test-kit"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"

/** A fixture that writes down when it is released. */
const noted = (log: Array<string>, name: string, options?: Fixture.Options) =>
  Fixture.make(Effect.succeed(name), () => Effect.sync(() => log.push(name)), options)

const both = (log: Array<string>) => Effect.all([noted(log, "first"), noted(log, "second")])

const inScope = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.exit(Effect.scoped(effect))

describe("D1 a fixture is released once, in reverse order", () => {
  const bodies: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
    ["when the test passes", Effect.void],
    ["when it fails", Effect.fail("no")],
    ["when it throws", Effect.die(new Error("no"))],
    ["when it times out", Effect.timeout(Effect.never, 0)]
  ]
  for (const [when, body] of bodies) {
    it.live(when, () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        yield* inScope(Effect.andThen(both(log), body))
        assert.deepStrictEqual(log, ["second", "first"])
      })
    )
  }

  it.effect("when it is interrupted", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const test = yield* Effect.forkChild(Effect.scoped(Effect.andThen(both(log), Effect.never)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(test)
      assert.deepStrictEqual(log, ["second", "first"])
    })
  )

  it.effect("when the test had released it before", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const [first] = yield* Scope.provide(both(log), scope)
      assert.deepStrictEqual([first.state(), first.releases()], ["held", 0])
      yield* first.release
      assert.deepStrictEqual([first.state(), first.releases(), log], ["released", 1, ["first"]])
      yield* first.release
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([first.state(), first.releases(), log], ["released", 3, ["first", "second"]])
    })
  )
})

it.effect("D1 whoever asks while it is released waits for the end", () =>
  Effect.gen(function* () {
    const gate = yield* Latch.make(false)
    const fixture = yield* Fixture.make(Effect.void, () => gate.await)
    const one = yield* Effect.forkChild(fixture.release, { startImmediately: true })
    const two = yield* Effect.forkChild(fixture.release, { startImmediately: true })
    yield* Effect.yieldNow
    assert.deepStrictEqual([fixture.state(), two.pollUnsafe()], ["releasing", undefined])
    yield* gate.open
    yield* Fiber.joinAll([one, two])
    assert.strictEqual(fixture.state(), "released")
  })
)

// A breaker's test stopped its process, and the process was dead before the teardown stopped it again: "no process".
it.live("D1 a process that is dead when the teardown stops it again is no error", () =>
  Effect.gen(function* () {
    let stops = 0
    const scope = yield* Scope.make()
    const child = yield* Scope.provide(
      Fixture.make(
        Effect.sync(() => spawn("sleep", ["60"])),
        (child) =>
          Effect.sync(() => {
            stops++
            process.kill(child.pid ?? 0, "SIGKILL")
          }),
        { name: "sleep" }
      ),
      scope
    )
    child.value.kill("SIGKILL")
    yield* Effect.promise(() => once(child.value, "exit"))
    const exit = yield* Effect.exit(Scope.close(scope, Exit.void))
    assert.isTrue(Exit.isSuccess(exit))
    assert.deepStrictEqual([child.state(), child.releases(), stops], ["gone", 1, 1])
  })
)

class Busy extends Data.TaggedError("Busy")<{ readonly message: string }> {}

describe("a release that goes wrong", () => {
  it.effect("fails the test, names the fixture, and holds up no other", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const exit = yield* inScope(
        Effect.andThen(
          noted(log, "first"),
          Fixture.make(Effect.void, () => Effect.fail(new Busy({ message: "busy" })), { name: "server" })
        )
      )
      assert.deepStrictEqual(log, ["first"])
      const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
      const error = reason?._tag === "Die" ? reason.defect : undefined
      assert.instanceOf(error, Fixture.ReleaseError)
      assert.strictEqual(error.message, "server: its release failed: busy; it may be there still")
    })
  )

  it.effect("D79 is left alone after its time limit, in real time, even if it cannot be interrupted", () =>
    Effect.gen(function* () {
      const fixture = yield* Fixture.make(Effect.void, () => Effect.uninterruptible(Effect.never), {
        name: "port",
        timeout: "10 millis"
      })
      const error = yield* Effect.flip(fixture.release)
      assert.deepStrictEqual(
        [error.reason, error.detail, fixture.state()],
        ["timeout", "not released after 10 ms", "failed"]
      )
      // Told once: the scope's end does not tell it again.
      yield* fixture.release
    })
  )
})

it.effect("options that make no sense are refused by name", () =>
  Effect.gen(function* () {
    for (const options of [{ timeout: -1 }, { timeout: "Infinity" }, { name: "" }, { retries: 1 }]) {
      const exit = yield* inScope(
        Reflect.apply(Fixture.make, undefined, [Effect.void, () => Effect.void, options])
      )
      const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
      const error = reason?._tag === "Die" ? reason.defect : undefined
      assert.instanceOf(error, TypeError)
      assert.include(error.message, Object.keys(options).join(""))
    }
  })
)
