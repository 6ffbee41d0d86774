import { assert, describe, it } from "@effect/vitest"
import { Fixture } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createHttp } from "node:http"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import process from "node:process"

describe("a child process", () => {
  const stubborn = `process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)`

  it.live("is asked to leave, then killed", () =>
    Effect.gen(function* () {
      const { release, state, value } = yield* Fixture.childProcess(
        () => spawn(process.execPath, ["-e", stubborn], { stdio: ["ignore", "pipe", "ignore"] }),
        { grace: "20 millis" }
      )
      const { stdout } = value
      yield* Effect.promise(() => once(stdout, "data"))
      yield* release
      // Deno tells of the first signal that a child was sent, whatever ended it.
      const signal = "Deno" in globalThis ? "SIGTERM" : "SIGKILL"
      assert.deepStrictEqual([state(), value.signalCode], ["released", signal])
      assert.throws(() => process.kill(value.pid ?? 0, 0), /ESRCH/)
    })
  )

  it.live("that has left is gone", () =>
    Effect.gen(function* () {
      const { release, state, value } = yield* Fixture.childProcess(() => spawn("true"))
      if (value.exitCode === null) yield* Effect.promise(() => once(value, "exit"))
      yield* release
      assert.strictEqual(state(), "gone")
    })
  )

  it.live("that cannot be started is an error that names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Fixture.childProcess(() => spawn("/no/such/program"), { name: "db" }))
      assert.instanceOf(error, Fixture.AcquireError)
      assert.match(error.message, /^db: spawn .* ENOENT$/)
    })
  )

  it.effect("refuses a grace that makes no sense, by name", () =>
    Effect.sync(() => {
      assert.throws(() => Fixture.childProcess(() => spawn("true"), { grace: -1 }), TypeError, "grace")
    })
  )
})

describe("a server", () => {
  it.live("listens, and is closed with its connections, kept alive or silent", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const http = yield* Scope.provide(
        Fixture.server(() => createHttp((_, answer) => answer.end("hi"))),
        scope
      )
      const { host, port } = http.value
      const text = yield* Effect.promise(async () => (await fetch(`http://${host}:${port}`)).text())
      assert.strictEqual(text, "hi")
      const silent = connect(port, host)
      yield* Effect.promise(() => once(silent, "connect"))
      const closed = once(silent, "close")
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => closed)
      assert.strictEqual(http.state(), "released")
    })
  )

  it.live("that was closed is gone; one whose port is taken is an error", () =>
    Effect.gen(function* () {
      const first = yield* Fixture.server(createServer)
      const error = yield* Effect.flip(
        Fixture.server(createServer, { port: first.value.port, name: "second" })
      )
      assert.match(error.message, /^second: .*EADDRINUSE/)
      yield* Effect.promise(async () => {
        first.value.server.close()
        await once(first.value.server, "close")
      })
      yield* first.release
      assert.strictEqual(first.state(), "gone")
    })
  )
})

describe("a temporary folder", () => {
  it.effect("goes with what is in it; one that was removed is gone", () =>
    Effect.gen(function* () {
      const full = yield* Fixture.temporaryFolder()
      writeFileSync(join(full.value, "a.txt"), "a")
      yield* full.release
      assert.deepStrictEqual([full.state(), existsSync(full.value)], ["released", false])
      const removed = yield* Fixture.temporaryFolder()
      rmSync(removed.value, { recursive: true })
      yield* removed.release
      assert.strictEqual(removed.state(), "gone")
    })
  )
})

const read = () => [process.env["FW_A"], process.env["FW_B"]]

describe("environment variables", () => {
  it.effect("are put back as they were, in reverse order", () =>
    Effect.gen(function* () {
      process.env["FW_B"] = "before"
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Fixture.environment({ FW_A: "1", FW_B: undefined })
          assert.deepStrictEqual(read(), ["1", undefined])
          yield* Fixture.environment({ FW_A: "2", FW_B: "2" })
          assert.deepStrictEqual(read(), ["2", "2"])
        })
      )
      assert.deepStrictEqual(read(), [undefined, "before"])
      delete process.env["FW_B"]
    })
  )
})

describe("a port", () => {
  it.live("is free, and nobody else's", () =>
    Effect.gen(function* () {
      const ports = yield* Effect.forEach([1, 2, 3], () => Fixture.port())
      assert.strictEqual(new Set(ports.map(({ value }) => value)).size, 3)
      const { value } = yield* Fixture.server(createServer, { port: ports[0]?.value })
      assert.strictEqual(value.port, ports[0]?.value)
    })
  )
})
