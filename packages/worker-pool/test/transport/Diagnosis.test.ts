import { assert, describe, it } from "@effect/vitest"
import * as Diagnosis from "../../src/transport/Diagnosis.ts"

const stat = (state: string, user: number, system: number): string =>
  `4711 (a ) R 1 (name) ${state} 1 4711 4711 0 -1 4194304 943 0 0 0 ${user} ${system} 0 0 20 0 2 0 1 2 3 4\n`

const STACKS = `Thread 0x00007f0000000001 (most recent call first):
  File "/app/python/fireweed/_wire.py", line 12 in _more
  File "/app/python/fireweed/_worker.py", line 107 in _read

Thread 0x00007f0000000002 (most recent call first):
  File "/app/background.py", line 3 in poll
  File "/usr/lib/python3.11/threading.py", line 975 in run

Current thread 0x00007f0000000003 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/srv/with "quotes", line 1 in it/sample.py", line 12 in swallow
  File "/srv/sample.py", line 40 in outer
  File "/app/python/fireweed/_call.py", line 54 in perform
  File "/app/python/fireweed/_worker.py", line 143 in run
  File "/app/python/boot.py", line 43 in <module>
`

describe("what is seen of a process", () => {
  it("is read from /proc/<pid>/stat, whatever its name is", () => {
    assert.deepStrictEqual(Diagnosis.readStat(stat("S", 12, 3)), { state: "S", ticks: 15 })
    for (const text of ["", "4711", "4711 (x) S 1 2"]) assert.isUndefined(Diagnosis.readStat(text))
  })

  for (const [before, after, seen] of [
    [{ state: "T", ticks: 1 }, { state: "T", ticks: 1 }, "stopped"],
    [{ state: "R", ticks: 1 }, { state: "t", ticks: 2 }, "stopped"],
    [{ state: "R", ticks: 1 }, { state: "R", ticks: 5 }, "running"],
    [{ state: "S", ticks: 1 }, { state: "S", ticks: 5 }, "running"],
    [{ state: "R", ticks: 1 }, { state: "S", ticks: 1 }, "running"],
    [{ state: "S", ticks: 1 }, { state: "D", ticks: 1 }, "waiting"],
    [{ state: "S", ticks: 1 }, { state: "R", ticks: 2 }, "waiting"],
    [undefined, { state: "S", ticks: 1 }, "unknown"],
    [{ state: "S", ticks: 1 }, undefined, "unknown"]
  ] as const) {
    it(`${before?.state}, then ${after?.state}, is ${seen}`, () =>
      assert.strictEqual(Diagnosis.compare(before, after), seen))
  }
})

describe("the verdict", () => {
  for (const [process, answers, state] of [
    ["stopped", false, "stopped"],
    ["running", false, "gil-held"],
    ["waiting", false, "blocked"],
    ["unknown", false, "unknown"],
    ["running", true, "ignores-cancellation"],
    ["waiting", true, "ignores-cancellation"],
    ["unknown", true, "ignores-cancellation"]
  ] as const) {
    it(`${process}, ${answers ? "answers" : "silent"}: ${state}`, () =>
      assert.deepStrictEqual(Diagnosis.judge({ process, stacks: "" }, answers), { state, stack: "" }))
  }

  it("names the innermost line of user code in the main thread, and keeps all stacks", () => {
    const verdict = Diagnosis.judge({ process: "running", stacks: STACKS }, false)
    const line = '/srv/with "quotes", line 1 in it/sample.py:12 in swallow'
    assert.deepStrictEqual(verdict, { state: "gil-held", stack: STACKS, line })
    assert.include(Diagnosis.describe(verdict), `stuck at ${line}`)
  })

  it("names a line of a library where there is no other, and none where there is no stack", () => {
    const library = STACKS.split("\n")
      .filter((line) => !line.includes("/srv/"))
      .join("\n")
    assert.strictEqual(Diagnosis.userLine(library), "/usr/lib/python3.11/threading.py:320 in wait")
    assert.isUndefined(Diagnosis.userLine(""))
    assert.isUndefined(Diagnosis.userLine("garbage"))
  })
})
