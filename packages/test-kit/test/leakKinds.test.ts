import { assert, describe, it } from "@effect/vitest"
import { Fixture, Leaks } from "@fireweed/test-kit"
import { MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"
import fs, { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"

/** Longer than the timers that vitest itself sets now and then. */
const soon = { timeout: "250 millis" } as const

/** What a careless effect leaves, and the file in which it says that it was made. */
const leaks = <A, E>(careless: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(Leaks.check(careless, soon)), (error) => {
    assert.instanceOf(error, Leaks.Leaked)
    return error.leaks
  })

const listener = () => {}

const kinds = (found: ReadonlyArray<Leaks.Leak>) => found.map(({ kind }) => kind)

const isDeno = "Deno" in globalThis
/** The kinds of which Deno always tells where they were made. */
const toldByDeno = new Set<Leaks.Kind>(["timer", "listener", "fiber"])

/** Each was made in this file, by code of this name. */
const madeHere = (found: ReadonlyArray<Leaks.Leak>, name: string) => {
  for (const { kind, origin, what } of found) {
    if (isDeno && !toldByDeno.has(kind)) continue
    assert.match(origin[0] ?? "", /leakKinds\.test\.ts:\d+/, what)
    assert.include(origin[0], name, what)
  }
}

describe("a leak is caught and named", () => {
  it.live("a process, with the pipes to it", () =>
    Effect.gen(function* () {
      const spawned = Effect.sync(function spawnsSleep() {
        return spawn("sleep", ["71"], { stdio: ["ignore", "pipe", "ignore"] })
      })
      const found = yield* leaks(spawned)
      assert.deepStrictEqual(kinds(found), ["process", "descriptor"])
      madeHere(found, "spawnsSleep")
      process.kill(found[0]?.pid ?? 0, "SIGKILL")
    })
  )

  it.live("a grandchild, made where the child was", () =>
    Effect.gen(function* () {
      const spawned = Effect.sync(function spawnsShell() {
        return spawn("sh", ["-c", "sleep 72 & wait"], { stdio: "ignore" })
      })
      const found = yield* leaks(spawned)
      assert.deepStrictEqual(kinds(found), ["process", "process"])
      madeHere(found, "spawnsShell")
      for (const { pid } of found) process.kill(pid ?? 0, "SIGKILL")
    })
  )

  it.live("a descriptor, however it was opened", () =>
    Effect.gen(function* () {
      let fd = 0
      const bySync = yield* leaks(
        Effect.sync(function opensSync() {
          fd = openSync(import.meta.filename, "r")
        })
      )
      closeSync(fd)
      let handle: Awaited<ReturnType<typeof open>> | undefined
      const byPromise = yield* leaks(
        Effect.promise(async function opensHandle() {
          handle = await open(import.meta.filename)
        })
      )
      yield* Effect.promise(async () => handle?.close())
      const server = createServer()
      const bySocket = yield* leaks(
        Effect.callback<void>(function listens(resume) {
          server.listen(0, "127.0.0.1", () => resume(Effect.void))
        })
      )
      server.close()
      for (const found of [bySync, byPromise, bySocket]) assert.deepStrictEqual(kinds(found), ["descriptor"])
      assert.include(bySync[0]?.what, import.meta.filename)
      madeHere(bySync, "opensSync")
      madeHere(byPromise, "opensHandle")
      madeHere(bySocket, "listens")
    })
  )

  it.live("a timer and an interval", () =>
    Effect.gen(function* () {
      const timers: Array<NodeJS.Timeout> = []
      const found = yield* leaks(
        Effect.sync(function setsTimers() {
          timers.push(
            setTimeout(() => {}, 60_000),
            setInterval(() => {}, 60_000)
          )
        })
      )
      timers.forEach((timer) => clearTimeout(timer))
      assert.deepStrictEqual(kinds(found), ["timer", "timer"])
      const whats = isDeno ? ["a timer", "a timer"] : ["a timer of 60000 ms", "an interval of 60000 ms"]
      found.forEach(({ what }, index) => assert.include(what, whats[index] ?? ""))
      madeHere(found, "setsTimers")
    })
  )

  it.live("a listener on what was there before", () =>
    Effect.gen(function* () {
      const found = yield* leaks(
        Effect.sync(function listens() {
          process.on("exit", listener)
          process.once("beforeExit", listener)
        })
      )
      process.off("exit", listener).off("beforeExit", listener)
      assert.deepStrictEqual(
        found.map(({ kind, what }) => [kind, what]),
        [
          ["listener", 'a listener of "exit" on process'],
          ["listener", 'a listener of "beforeExit" on process']
        ]
      )
      madeHere(found, "listens")
    })
  )

  it.live("a fiber, at the yield* that forked it", () =>
    Effect.gen(function* () {
      let fiber: Fiber.Fiber<never> | undefined
      const found = yield* leaks(
        Effect.gen(function* forks() {
          yield* Effect.void
          fiber = yield* Effect.forkDetach(Effect.never)
          yield* Effect.void
        })
      )
      if (fiber !== undefined) yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        found.map(({ kind, what }) => [kind, what]),
        [["fiber", `fiber ${fiber?.id}`]]
      )
      madeHere(found, "forks")
    })
  )

  it.live("temporary files, whoever made them", () =>
    Effect.gen(function* () {
      const found = yield* leaks(
        Effect.gen(function* () {
          writeFileSync(join(tmpdir(), "one.txt"), "1")
          mkdtempSync(join(tmpdir(), "two-"))
          const child = yield* Fixture.childProcess(() =>
            spawn("sh", ["-c", 'echo 3 > "$TMPDIR/three"'], { stdio: "ignore" })
          )
          yield* Effect.callback<void>((resume) => {
            child.value.once("exit", () => resume(Effect.void))
          })
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(kinds(found), ["file", "file", "file"])
      const [one, three, two] = found
      madeHere(
        [one, two].flatMap((leak) => leak ?? []),
        ""
      )
      assert.match(two?.what ?? "", /two-\w+$/)
      assert.deepStrictEqual(three?.origin, [])
    })
  )
})

describe("what is no leak is not reported", () => {
  const clean: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
    ["a timer that does not hold the program", Effect.sync(() => setTimeout(() => {}, 60_000).unref())],
    ["a timer that has fired, or was cleared", Effect.sync(() => clearTimeout(setTimeout(() => {}, 60_000)))],
    ["a sleep", Effect.sleep(1)],
    ["a listener on an emitter of the test's own", Effect.sync(() => createServer().on("error", () => {}))],
    [
      "a listener that was removed",
      Effect.sync(() => {
        process.on("exit", listener).off("exit", listener)
      })
    ],
    ["a fiber that ended", Effect.flatMap(Effect.forkDetach(Effect.void), Fiber.await)],
    ["a fiber of a scope that closed", Effect.scoped(Effect.forkScoped(Effect.never))],
    ["a file that was closed", Effect.sync(() => closeSync(openSync(import.meta.filename, "r")))],
    [
      "a temporary folder that was removed",
      Effect.sync(() => {
        const folder = mkdtempSync(join(tmpdir(), "x-"))
        mkdirSync(join(folder, "y"))
        rmSync(folder, { recursive: true })
      })
    ],
    [
      "a pool's run",
      Effect.scoped(
        Effect.flatMap(
          WorkerPool.make({
            size: 2,
            connect: MockWorker.connect({ "math:sqrt": (x: number) => Math.sqrt(x) })
          }),
          (pool) => pool.call("math:sqrt", [16])
        )
      )
    ],
    [
      "what fixtures release",
      Effect.scoped(
        Effect.all([
          Fixture.childProcess(() => spawn("sleep", ["73"])),
          Fixture.server(createServer),
          Fixture.temporaryFolder(),
          Fixture.environment({ FIREWEED_TEST: "1" }),
          Fixture.port()
        ])
      )
    ]
  ]
  for (const [what, effect] of clean) {
    it.live(what, () => Leaks.check(effect, { timeout: "1 second" }))
  }
})

const patched = () => [
  Reflect.get(process, "on"),
  Reflect.get(fs, "open"),
  tmpdir(),
  process.env["FIREWEED_LEAKS"]
]

it.live("a check inside of another reports what is left in it alone, and all is put back at the end", () =>
  Effect.gen(function* () {
    const before = patched()
    const fibers: Array<Fiber.Fiber<never>> = []
    const fork = Effect.map(Effect.forkDetach(Effect.never), (fiber) => fibers.push(fiber))
    const outer = yield* leaks(
      Effect.andThen(
        fork,
        Effect.flatMap(leaks(fork), (inner) => {
          assert.strictEqual(inner.length, 1)
          return Effect.void
        })
      )
    )
    assert.strictEqual(outer.length, 2)
    yield* Fiber.interruptAll(fibers)
    assert.deepStrictEqual(patched(), before)
  })
)
