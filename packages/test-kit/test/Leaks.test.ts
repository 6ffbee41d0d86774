import { assert, describe, it } from "@effect/vitest"
import { Fixture, Leaks } from "@fireweed/test-kit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import * as Processes from "../src/internal/leaks/Processes.ts"

/** A child that sleeps for a minute; the test's scope ends it and waits until it is gone. */
const sleeper = (command: string, ...args: ReadonlyArray<string>) =>
  Fixture.make(
    Effect.sync(() => spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] })),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill("SIGKILL")
        await once(child, "exit")
      }),
    { name: command }
  )

const soon = { timeout: "40 millis", kinds: ["process"] } as const

const verify = () =>
  Effect.runSync(Reflect.apply(Leaks.verify, undefined, [{ known: new Map() }, { timeuot: 1 }]))

describe("a check", () => {
  it.live("passes when all is as it was, and gives the result", () =>
    Effect.gen(function* () {
      yield* sleeper("sleep", "61")
      assert.strictEqual(yield* Leaks.check(Effect.succeed(1), soon), 1)
    })
  )

  it.live("names a child that was left", () =>
    Effect.gen(function* () {
      const child = yield* sleeper("true")
      assert.isDefined(child.value.pid)
      const error = yield* Effect.flip(Leaks.check(sleeper("sleep", "62"), soon))
      assert.instanceOf(error, Leaks.Leaked)
      const [leak] = error.leaks
      assert.isAbove(leak?.pid ?? 0, 1)
      assert.match(
        error.message,
        /^1 thing is left;.*\n {2}process: pid \d+, parent \d+, sleeps, \d\.\d s old: \S*sleep 62\n {4}(?:at .*Leaks\.test\.ts|made where the runtime does not tell$)/
      )
      assert.include(leak?.what, `parent ${process.pid},`)
    })
  )

  it.live("waits for those that are just leaving", () =>
    Effect.gen(function* () {
      yield* Leaks.check(sleeper("sleep", "0.05"))
    })
  )

  it.live("tells the failure of the test as well", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Leaks.check(Effect.andThen(sleeper("sleep", "63"), Effect.fail("no")), soon)
      )
      const tags = Exit.isFailure(exit)
        ? exit.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? reason.error : reason._tag))
        : []
      assert.strictEqual(tags[0], "no")
      assert.instanceOf(tags[1], Leaks.Leaked)
    })
  )

  /** A process and its child, which lives on when its parent is gone. */
  const family = Effect.gen(function* () {
    const parent = yield* sleeper("sh", "-c", "sleep 64 & echo $!; wait")
    const { stdout } = parent.value
    const [line]: ReadonlyArray<unknown> = yield* Effect.promise(() => once(stdout, "data"))
    const grandchild = yield* Fixture.make(Effect.succeed(Number(line)), (pid) =>
      Effect.sync(() => process.kill(pid, "SIGKILL"))
    )
    return { parent, grandchild: grandchild.value }
  })

  it.live("finds a grandchild", () =>
    Effect.gen(function* () {
      const before = yield* Leaks.snapshot
      const { grandchild, parent } = yield* family
      const found = yield* Effect.flip(Leaks.verify(before, soon))
      assert.deepStrictEqual(
        found.leaks.map(({ pid = 0 }) => pid).toSorted((a, b) => a - b),
        [parent.value.pid, grandchild]
      )
    })
  )

  it.live.runIf(process.platform === "linux")("finds one whose parent is gone", () =>
    Effect.gen(function* () {
      const before = yield* Leaks.snapshot
      const { grandchild, parent } = yield* family
      yield* parent.release
      const orphans = yield* Effect.flip(Leaks.verify(before, soon))
      assert.deepStrictEqual(
        orphans.leaks.map(({ pid, what }) => [pid, what.endsWith("sleep 64")]),
        [[grandchild, true]]
      )
    })
  )

  it("refuses options that make no sense, by name", () => {
    assert.throws(verify, TypeError, "timeuot")
  })
})

const one = (pid: number, ppid: number, rest: Partial<Processes.Process> = {}): Processes.Process => ({
  pid,
  ppid,
  began: "0",
  state: "S",
  age: 0,
  command: "x",
  marked: false,
  ...rest
})
const pids = (...all: ReadonlyArray<Processes.Process>) =>
  Processes.descendants(all, 10)
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b)

describe("descendants", () => {
  it("are children and theirs, not siblings and ancestors", () => {
    assert.deepStrictEqual(
      pids(one(1, 0), one(10, 1), one(11, 10), one(12, 11), one(13, 12), one(20, 1)),
      [11, 12, 13]
    )
  })
  it("are orphans with the marker, and not this process itself", () => {
    assert.deepStrictEqual(pids(one(10, 1, { marked: true }), one(30, 1, { marked: true }), one(31, 1)), [30])
  })
  it("are not the dead; their children are", () => {
    assert.deepStrictEqual(pids(one(11, 10, { state: "Z" }), one(12, 11), one(13, 10, { state: "Z+" })), [12])
  })
})

it("a name with brackets and spaces does not confuse the reader of /proc", () => {
  const stat = `42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 1 0`
  assert.deepStrictEqual(Processes.parseStat(stat), {
    pid: 42,
    ppid: 7,
    state: "S",
    ticks: 12_345,
    name: "a) b (c"
  })
})

it("the table of ps is read where there is no /proc", () => {
  const text = [
    "  501     1 Ss   01-02:03:04 Mon Nov 23 20:00:00 2026 /usr/bin/python3 -u worker.py",
    "  502   501 R+      00:07 Mon Nov 23 20:01:00 2026 sleep 60",
    "nonsense",
    ""
  ].join("\n")
  assert.deepStrictEqual(
    Processes.parsePs(text).map(({ age, began, command, pid, ppid, state }) => [
      pid,
      ppid,
      state,
      age,
      began,
      command
    ]),
    [
      [501, 1, "Ss", 93_784_000, "Mon Nov 23 20:00:00 2026", "/usr/bin/python3 -u worker.py"],
      [502, 501, "R+", 7_000, "Mon Nov 23 20:01:00 2026", "sleep 60"]
    ]
  )
})
