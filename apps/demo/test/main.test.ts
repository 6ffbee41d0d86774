import { assert, describe, it } from "@effect/vitest"
import { eventually } from "@fireweed/test-kit"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"

noLeaks()

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** Starts the demo; all processes that descend from it carry the mark in their environment. */
const start = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const mark = `FIREWEED_DEMO_TEST=${crypto.randomUUID()}`
  const [name = "", value = ""] = mark.split("=")
  const runtime = "Deno" in globalThis ? ["run", "-A"] : []
  const child = spawn(process.execPath, [...runtime, main, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env, [name]: value },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk) => (output.stdout += String(chunk)))
  child.stderr.on("data", (chunk) => (output.stderr += String(chunk)))
  return {
    child,
    output,
    ended: once(child, "close").then(([code, signal]) => ({ code, signal, ...output })),
    /** Its Python processes that live. */
    pythons: () => marked(mark).filter((pid) => pid !== child.pid)
  }
}

const marked = (mark: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark)
      } catch {
        return false // gone, or not ours
      }
    })
    .map(Number)

/** Until it is in the middle of indexing. */
const startMidway = async () => {
  const run = start(["--packages", "all,asyncio"])
  const midway = () => / [1-9]\d*\/\d+ files/.test(run.output.stdout)
  await Effect.runPromise(eventually(midway, { what: "it indexes", within: "20 seconds" }))
  assert.isAtLeast(run.pythons().length, 2)
  return run
}

describe("the command", { timeout: 60_000 }, () => {
  it("holds every promise, and exits with 0", async () => {
    const run = start(["--json", "--packages", "json,asyncio"])
    const { code, stderr, stdout } = await run.ended
    assert.strictEqual(stderr, "")
    const report = JSON.parse(stdout)
    assert.deepStrictEqual(
      report.checks.filter((check: { readonly ok: boolean }) => !check.ok),
      []
    )
    assert.isAtLeast(report.checks.length, 17)
    assert.strictEqual(code, 0)
    assert.isTrue(report.ok)
    assert.strictEqual(report.killed, 3)
    assert.strictEqual(report.restarts, 4)
    assert.strictEqual(report.retries, 2)
    assert.isAtLeast(report.sessions.lost, 1)
    assert.strictEqual(report.sessions.recovered, report.sessions.lost)
    assert.strictEqual(report.sessions.restored, 1)
    assert.deepStrictEqual(report.processes, { started: 8, left: 0 })
    assert.deepStrictEqual(run.pythons(), [])
  })

  it("shows it in 80 columns, also when one worker has to do everything", async () => {
    const { code, stdout } = await start(["--packages", "json", "--workers", "1"]).ended
    assert.strictEqual(code, 0, stdout)
    assert.include(stdout, "SIGKILL to worker 1.1")
    assert.include(stdout, 'session "json" is open again')
    assert.include(stdout, 'session "json, saved" is on worker')
    assert.include(stdout, "ZeroDivisionError: division by zero")
    assert.match(stdout, /All \d+ promises held/)
    assert.notInclude(stdout, "\u001b")
    for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80)
  })

  it("a wrong interpreter is one clear message", async () => {
    const { code, stderr, stdout } = await start([], { FIREWEED_PYTHON: "/nowhere/python3" }).ended
    assert.strictEqual(code, 1)
    assert.strictEqual(stdout, "")
    assert.strictEqual(
      stderr.replaceAll("\n", " ").trim(),
      "demo: /nowhere/python3: no such file (from FIREWEED_PYTHON); " +
        "install Python 3.9 or newer, or name one in the option `python` or in FIREWEED_PYTHON"
    )
  })

  for (const [args, message] of [
    [["--bogus"], "Unrecognized flag: --bogus"],
    [["--workers", "0"], "Expected a number from 1 to 64"],
    [["--packages", "json;xml"], "Expected names with commas between them"],
    [["--packages", "json,nosuch"], "no package 'nosuch'"]
  ] as const) {
    it(`${args.join(" ")} is refused in one line`, async () => {
      const { code, stderr, stdout } = await start(args).ended
      assert.strictEqual(code, 2)
      assert.strictEqual(stdout, "")
      assert.include(stderr, message)
      assert.notInclude(stderr, "    at ")
      assert.isAtMost(stderr.trimEnd().split("\n").length, 2)
    })
  }

  it("--help names every flag", async () => {
    const { code, stdout } = await start(["--help"]).ended
    assert.strictEqual(code, 0)
    for (const flag of ["--workers", "--packages", "--json", "FIREWEED_PYTHON"]) assert.include(stdout, flag)
  })

  it("SIGTERM in the middle: no Python is left when it has ended", async () => {
    const run = await startMidway()
    // Not `child.kill`: of a child that was sent a signal so, Deno tells that the signal ended it, whatever it did.
    if (run.child.pid !== undefined) process.kill(run.child.pid, "SIGTERM")
    const { code, stderr } = await run.ended
    assert.strictEqual(code, 130)
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(run.pythons(), [])
  })

  it("SIGKILL in the middle: its Pythons leave by themselves", async () => {
    const run = await startMidway()
    run.child.kill("SIGKILL")
    assert.strictEqual((await run.ended).signal, "SIGKILL")
    await Effect.runPromise(
      eventually(() => run.pythons().length === 0, { what: "they left", step: "20 millis" })
    )
  })
})
