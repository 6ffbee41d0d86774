import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { fixtures, folder, isRunning, pool } from "../support.ts"
import type { WorkerPool } from "@fireweed/worker-pool"
import process from "node:process"

noLeaks()

const script = (path: string, body: string): string => {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

const python = Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })

const find = (env: { readonly [name: string]: string }, cwd = "/") =>
  Interpreter.find({ python: undefined, cwd, env })

const failure = (options: WorkerPool.Options) => Effect.flip(pool(options))

describe("a pool that cannot start says why, and names the fix", () => {
  it.live("no such interpreter", () =>
    Effect.gen(function* () {
      const error = yield* failure({ python: "/nowhere/python3" })
      assert.strictEqual(error.reason, "interpreter-not-found")
      assert.include(error.message, "/nowhere/python3: no such file")
      assert.include(error.message, "FIREWEED_PYTHON")
      assert.strictEqual((yield* failure({ python: "no-such-python" })).reason, "interpreter-not-found")
    })
  )

  it.live("something that is no program", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "python3")
      writeFileSync(path, "text")
      assert.strictEqual((yield* failure({ python: path })).reason, "interpreter-not-executable")
      chmodSync(path, 0o755)
      // The kernel cannot run it, the shell may try: either way it is no Python.
      assert.include(["interpreter-not-executable", "exited"], (yield* failure({ python: path })).reason)
      assert.strictEqual((yield* failure({ python: fixtures })).reason, "interpreter-not-executable")
    })
  )

  it.live("a program that is no Python", () =>
    Effect.gen(function* () {
      const bin = yield* folder
      const quiet = yield* failure({ python: script(join(bin, "quiet"), "exit 0") })
      assert.strictEqual(quiet.reason, "exited")
      const loud = yield* failure({ python: script(join(bin, "loud"), "echo I am no Python >&2; exit 7") })
      assert.strictEqual(loud.reason, "exited")
      assert.include(loud.message, "status 7")
      assert.include(loud.message, "I am no Python")
      const babbling = yield* failure({
        python: script(join(bin, "babbling"), "echo garbage of some length here >&4; sleep 5")
      })
      assert.strictEqual(babbling.reason, "handshake")
      const hanging = yield* failure({
        python: script(join(bin, "hanging"), "sleep 600"),
        startTimeout: "300 millis"
      })
      assert.strictEqual(hanging.reason, "timeout")
    })
  )

  it.live("no such working folder", () =>
    Effect.gen(function* () {
      const error = yield* failure({ cwd: "/nowhere" })
      assert.strictEqual(error.reason, "folder-not-found")
      assert.include(error.message, "/nowhere")
    })
  )

  it.live("a Python too old", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const fake = join(yield* folder, "python3")
      // A real interpreter that says it is 3.8: what the boot script sees is all that counts.
      script(
        fake,
        `exec "${exe}" -c 'import sys; sys.version_info = (3, 8, 18, "final", 0); sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})' "$@"`
      )
      const error = yield* failure({ python: fake })
      assert.strictEqual(error.reason, "python-too-old")
      assert.match(error.message, /is Python 3\.8\.18, needs 3\.9 or newer/)
      const workers = yield* pool({ python: exe })
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

it.live("an environment that no process can have", () =>
  Effect.gen(function* () {
    const error = yield* failure({ env: { A: "x\0y" } })
    assert.strictEqual(error.reason, "interpreter-not-executable")
  })
)

it.live("a process number that is not the one here is not believed: nobody else is sent its signals", () =>
  Effect.gen(function* () {
    const exe = yield* python
    const fake = join(yield* folder, "python3")
    script(
      fake,
      `exec "${exe}" -c 'import os, sys; os.getpid = lambda: 999999; sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})' "$@"`
    )
    const workers = yield* pool({ python: fake })
    const [worker] = (yield* workers.snapshot).workers
    assert.isTrue(worker?.pid !== undefined && worker.pid !== 999_999 && isRunning(worker.pid))
    assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
  })
)

describe("the interpreter is found", () => {
  it.live("in FIREWEED_PYTHON, then VIRTUAL_ENV, then .venv, then CONDA_PREFIX, then on the PATH", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const make = (path: string): string => {
        const full = join(home, path)
        // A file with the start of a program, since a script on the PATH is asked what it stands for.
        writeFileSync(full, "\u007fELF")
        chmodSync(full, 0o755)
        return full
      }
      for (const path of ["venv/bin", "cwd/.venv/bin", "path", "conda/bin", "empty"])
        mkdirSync(join(home, path), { recursive: true })
      const given = make("given")
      const venv = make("venv/bin/python")
      const local = make("cwd/.venv/bin/python")
      const named = make("path/python3")
      const conda = make("conda/bin/python")
      const CONDA_PREFIX = join(home, "conda")
      const cwd = join(home, "cwd")
      const PATH = join(home, "path")
      assert.strictEqual(
        yield* find({ FIREWEED_PYTHON: given, VIRTUAL_ENV: join(home, "venv"), PATH }, cwd),
        given
      )
      assert.strictEqual(yield* find({ VIRTUAL_ENV: join(home, "venv"), PATH }, cwd), venv)
      assert.strictEqual(yield* find({ VIRTUAL_ENV: "", FIREWEED_PYTHON: "", PATH }, cwd), local)
      assert.strictEqual(yield* find({ CONDA_PREFIX, PATH }, cwd), local)
      assert.strictEqual(yield* find({ CONDA_PREFIX, PATH }, home), conda)
      assert.strictEqual(yield* find({ PATH }, home), named)
      const VIRTUAL_ENV = join(home, "empty")
      const error = yield* Effect.flip(find({ VIRTUAL_ENV, PATH: home }, home))
      assert.strictEqual(error.reason, "interpreter-not-found")
      assert.include(error.message, `VIRTUAL_ENV=${VIRTUAL_ENV} has no interpreter`)
      assert.include(error.message, `${join(home, ".venv")} has no interpreter`)
      assert.include(error.message, "no python3, no python on the PATH")
      assert.include(error.message, "install Python 3.9 or newer")
    })
  )

  it.live("by uv, where uv has a say", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const home = yield* folder
      mkdirSync(join(home, "bin"))
      mkdirSync(join(home, "project", "deep"), { recursive: true })
      const PATH = `${join(home, "bin")}:/bin:/usr/bin`
      // It is asked in the folder of the workers, and must not fetch anything.
      script(
        join(home, "bin", "uv"),
        `[ "$*" = "python find" ] && [ "$UV_PYTHON_DOWNLOADS" = never ] && [ "$PWD" = "${join(home, "project", "deep")}" ] && echo "${exe}"`
      )
      writeFileSync(join(home, "bin", "python3"), "\u007fELF")
      chmodSync(join(home, "bin", "python3"), 0o755)
      const deep = join(home, "project", "deep")
      assert.strictEqual(yield* find({ PATH }, deep), join(home, "bin", "python3"), "no project of uv")
      for (const [name, text] of [
        ["uv.lock", ""],
        [".python-version", "3.12"],
        ["pyproject.toml", "[project]\n[tool.uv.sources]\n"]
      ] as const) {
        writeFileSync(join(home, "project", name), text)
        assert.strictEqual(yield* find({ PATH }, deep), exe, name)
        rmSync(join(home, "project", name))
      }
      writeFileSync(join(home, "project", "pyproject.toml"), "[project]\n")
      assert.strictEqual(yield* find({ PATH }, deep), join(home, "bin", "python3"), "a project of others")
      // When it finds none the search goes on, and the error has its words.
      writeFileSync(join(home, "project", "uv.toml"), "")
      script(join(home, "bin", "uv"), `echo "error: No interpreter found for Python 9" >&2; exit 2`)
      assert.strictEqual(yield* find({ PATH }, deep), join(home, "bin", "python3"))
      rmSync(join(home, "bin", "python3"))
      const error = yield* Effect.flip(find({ PATH: join(home, "bin") }, deep))
      assert.include(error.message, `"uv python find" found none (error: No interpreter found for Python 9)`)
    })
  )

  it.live("by the launcher, on Windows", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const home = yield* folder
      script(join(home, "py"), `printf %s "${exe}"`)
      const options = { python: undefined, cwd: home, env: { PATH: home } }
      assert.strictEqual(yield* Interpreter.find({ ...options, platform: "win32" }), exe)
      const error = yield* Effect.flip(Interpreter.find({ ...options, platform: "linux" }))
      assert.strictEqual(error.reason, "interpreter-not-found")
    })
  )

  it.live("behind a shim, which is asked once; a wrapper that was named is run as it is", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const home = yield* folder
      const shim = script(join(home, "python3"), `exec "${exe}" "$@"`)
      assert.notStrictEqual(yield* find({ PATH: `${home}:${process.env["PATH"] ?? ""}` }, home), shim)
      assert.strictEqual(yield* find({ FIREWEED_PYTHON: shim, PATH: "" }, home), shim)
      // It is asked where the workers will run, and in their environment.
      script(join(home, "python3"), `[ "$CHOICE" = 2 ] && [ -f here ] && printf %s "${exe}"`)
      writeFileSync(join(home, "here"), "")
      assert.strictEqual(yield* find({ PATH: `${home}:/bin:/usr/bin`, CHOICE: "2" }, home), exe)
    })
  )
})
