import { assert, describe, it } from "@effect/vitest"
import { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { TestClock } from "effect/testing"
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { folder, until } from "../support.ts"
import * as Timers from "../../src/internal/Timers.ts"
import * as Reload from "../../src/pool/Reload.ts"

const setUp = (restart: Effect.Effect<void, CallError.StartError>) =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const fork = yield* FiberSet.makeRuntime<never, void>()
    const told: Array<string> = []
    const change = Reload.coalesce({
      timers,
      fork,
      restart,
      publish: (build) => {
        const event = build()
        if (event._tag === "Reloading") told.push(event.file)
      }
    })
    return { change, told }
  })

describe("a reload", () => {
  it.effect("waits until no file changes any more, and restarts once for all", () =>
    Effect.gen(function* () {
      const { change, told } = yield* setUp(Effect.void)
      for (const file of ["a.py", "b.py", "c.py"]) {
        change(file)
        yield* TestClock.adjust(Reload.QUIET - 1)
      }
      assert.deepStrictEqual(told, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(told, ["c.py"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(told, ["c.py"])
    })
  )

  it.effect("runs once more for what changes while the workers are restarted", () =>
    Effect.gen(function* () {
      const { change, told } = yield* setUp(Effect.sleep("10 seconds"))
      change("a.py")
      yield* TestClock.adjust("1 second")
      change("b.py")
      yield* TestClock.adjust("1 second")
      change("c.py")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(told, ["a.py"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(told, ["a.py", "c.py"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(told, ["a.py", "c.py"])
    })
  )

  it.effect("code that cannot be loaded is tried again with the next change", () =>
    Effect.gen(function* () {
      let tries = 0
      const failing = Effect.suspend(() => {
        tries++
        return Effect.fail(
          new CallError.StartError({ reason: "exited", interpreter: "python3", detail: "", stderr: "" })
        )
      })
      const { change } = yield* setUp(failing)
      for (let count = 1; count <= 3; count++) {
        change("a.py")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(tries, count)
      }
    })
  )

  it.live("sees a file again and again that is put in the place of the one before, as editors do", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const root = yield* folder
        const file = join(root, "app.py")
        writeFileSync(file, "")
        let restarts = 0
        yield* Reload.make({
          timers: yield* Timers.make,
          paths: [root],
          restart: Effect.sync(() => void restarts++),
          fork: yield* FiberSet.makeRuntime<never, void>(),
          publish: () => undefined
        })
        for (let count = 1; count <= 3; count++) {
          writeFileSync(join(root, ".app.py.new"), `VERSION = ${count}`)
          renameSync(join(root, ".app.py.new"), file)
          yield* until(`change ${count} is seen`, () => restarts === count)
        }
      })
    )
  )

  it("is for Python code: not for what Python compiles, nor for what editors hide", () => {
    const changed = [
      "app.py",
      "pkg/mod.py",
      "pkg/__pycache__/mod.cpython-311.pyc",
      "notes.txt",
      ".#app.py",
      ".git/a.py"
    ]
    assert.deepStrictEqual(changed.filter(Reload.isCode), ["app.py", "pkg/mod.py"])
  })
})
