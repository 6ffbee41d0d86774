import { afterAll, assert, describe, expect, it } from "vitest"
import { it as effectTest } from "@effect/vitest"
import { eventually, Fixture } from "@fireweed/test-kit"
import { noLeaks, withFixture } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"

describe("withFixture", () => {
  const log: Array<string> = []
  const named = (name: string) =>
    Fixture.make(
      Effect.sync(() => {
        log.push(`+${name}`)
        return name
      }),
      () => Effect.sync(() => log.push(`-${name}`))
    )
  afterAll(() => {
    assert.deepStrictEqual(log, ["+shared", "+own", "-own", "+own", "-own", "-shared"])
  })
  const shared = withFixture(named("shared"), { per: "file" })
  const own = withFixture(named("own"))

  it("gives what was acquired", () => {
    assert.deepStrictEqual([shared().value, own().value], ["shared", "own"])
  })
  it("acquires anew for each test, and releases even when one fails", { fails: true }, () => {
    expect(own().value).toBe("another")
  })
})

describe("a test that vitest ends for its time", () => {
  let held: Fixture.Fixture<void> | undefined
  afterAll(async () => {
    await Effect.runPromise(
      eventually(() => held?.state() === "released", { what: "its fixture is released" })
    )
  })
  effectTest.live(
    "fails, and its fixture is released",
    () =>
      Effect.flatMap(
        Fixture.make(Effect.void, () => Effect.void),
        (fixture) => {
          held = fixture
          return Effect.never
        }
      ),
    { fails: true, timeout: 50 }
  )
})

describe("a fixture of another describe", () => {
  let theirs: () => unknown
  describe("they", () => {
    theirs = withFixture(Effect.succeed("theirs"), { per: "file" })
    it("have it", () => {
      assert.strictEqual(theirs(), "theirs")
    })
  })
  it("is not there", () => {
    assert.throws(() => theirs(), "outside of its tests")
  })
})

describe("noLeaks", () => {
  const children: Array<ChildProcess> = []
  afterAll(() => children.forEach((child) => child.kill("SIGKILL")))
  noLeaks({ per: "test", timeout: "40 millis" })

  it("fails a test that leaves a process", { fails: true }, () => {
    children.push(spawn("sleep", ["65"]))
    assert.isDefined(children[0]?.pid)
  })
  it("blames no other test for it", () => {
    assert.strictEqual(children[0]?.exitCode, null)
  })
})

describe("noLeaks for a file", () => {
  noLeaks()
  it("passes when all is ended", () => {
    assert.isTrue(spawn("sleep", ["66"]).kill("SIGKILL"))
  })
})
