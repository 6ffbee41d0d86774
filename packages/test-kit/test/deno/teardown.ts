import { ok, strictEqual } from "node:assert"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { test } from "node:test"
import { Fixture, Leaks } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"

const sleeper = Fixture.make(
  Effect.sync(() => spawn("sleep", ["67"], { stdio: "ignore" })),
  (child) => Effect.sync(() => process.kill(child.pid ?? 0, "SIGKILL")),
  { name: "sleeper" }
)

test("a fixture whose process is dead already is released without an error, and leaves nothing", async () => {
  const body = Effect.gen(function* () {
    const child = yield* sleeper
    child.value.kill("SIGKILL")
    yield* Effect.promise(() => once(child.value, "exit"))
    yield* child.release
    yield* child.release
    return `${child.state()} ${child.releases()}`
  })
  strictEqual(await Effect.runPromise(Leaks.check(Effect.scoped(body))), "gone 2")
})

test("a leak is found and named", async () => {
  const error = await Effect.runPromise(
    Effect.scoped(Effect.flip(Leaks.check(sleeper, { timeout: "40 millis", kinds: ["process"] })))
  )
  ok(error.message.includes("sleep 67"), error.message)
  strictEqual(error.leaks.length, 1)
})
