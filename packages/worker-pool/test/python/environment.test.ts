import { assert, describe, it } from "@effect/vitest"
import { PythonEnvironment } from "@fireweed/worker-pool"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { fixtures, folder, pool, whole } from "../support.ts"

noLeaks()

const python = Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })

/** A wrapper around Python that counts its starts. */
const counted = Effect.gen(function* () {
  const home = yield* folder
  const log = join(home, "starts")
  const wrapper = join(home, "python3")
  writeFileSync(log, "")
  writeFileSync(wrapper, `#!/bin/sh\necho start >> "${log}"\nexec "${yield* python}" "$@"\n`)
  chmodSync(wrapper, 0o755)
  return { wrapper, home, starts: () => readFileSync(log, "utf8").split("\n").length - 1 }
})

/** A distribution that is there, with this version. */
const install = (home: string, name: string, version: string): string => {
  const info = join(home, `${name}-${version}.dist-info`)
  mkdirSync(info)
  writeFileSync(join(info, "METADATA"), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`)
  return home
}

describe("D59 the environment is checked once, not for each worker", () => {
  it.live("D59 nothing is started for it unless something is asked for", () =>
    Effect.gen(function* () {
      const { starts, wrapper } = yield* counted
      const workers = yield* pool({ python: wrapper, size: 3 })
      yield* whole(workers, 3)
      assert.strictEqual(starts(), 3)
    })
  )

  it.live("D59 one start for any number of pools with the same interpreter, environment and folder", () =>
    Effect.gen(function* () {
      const { home, starts, wrapper } = yield* counted
      install(home, "given", "1.5")
      const options = {
        python: wrapper,
        size: 2,
        requires: ["given>=1,<2", "json"],
        pythonPath: [fixtures, home]
      }
      yield* whole(yield* pool(options), 2)
      assert.strictEqual(starts(), 3)
      const second = yield* pool(options)
      yield* whole(second, 2)
      assert.strictEqual(yield* second.call("math:sqrt", [16]), 4)
      assert.strictEqual(starts(), 5)
      yield* whole(yield* pool({ ...options, env: { OTHER: "1" } }), 2)
      assert.strictEqual(starts(), 8)
    })
  )

  it.live("D59 what is missing is an error with the version found and the command of that interpreter", () =>
    Effect.gen(function* () {
      const { home, starts, wrapper } = yield* counted
      install(home, "given", "1.5")
      const options = {
        python: wrapper,
        size: 2,
        requires: ["given>=2", "no-such-package"],
        pythonPath: [home]
      }
      const error = yield* Effect.flip(pool(options))
      assert.strictEqual(error.reason, "requirement-not-met")
      assert.include(error.message, "needs given>=2, has 1.5; has no no-such-package")
      assert.match(error.hint, /^run: .*\bpython\S* -m pip install 'given>=2' no-such-package$/)
      assert.strictEqual(starts(), 1, "no worker was started for nothing")
      // It is asked again: somebody may have installed it meanwhile.
      install(home, "no_such_package", "1")
      rmSync(join(home, "given-1.5.dist-info"), { recursive: true })
      install(home, "given", "2.0")
      const workers = yield* pool(options)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

describe("a check", () => {
  it.live("tells what the interpreter is, and what it has", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const found = yield* PythonEnvironment.check({ python: exe, requires: ["json", "nothing-like-it"] })
      assert.strictEqual(found.interpreter, exe)
      assert.match(found.version, /^3\.\d+\.\d+$/)
      assert.strictEqual(found.platform, process.platform)
      assert.deepStrictEqual(found.requires, [
        { requirement: "json", found: "", met: true },
        { requirement: "nothing-like-it", found: undefined, met: false }
      ])
      assert.include(found.install, "nothing-like-it")
      assert.isUndefined((yield* PythonEnvironment.check({ python: exe })).install)
    })
  )

  it.live("knows a virtual environment", () =>
    Effect.gen(function* () {
      const exe = yield* python
      const home = yield* folder
      mkdirSync(join(home, "bin"))
      writeFileSync(join(home, "pyvenv.cfg"), `home = ${join(exe, "..")}\n`)
      symlinkSync(exe, join(home, "bin", "python"))
      const found = yield* PythonEnvironment.check({ env: { VIRTUAL_ENV: home, FIREWEED_PYTHON: "" } })
      assert.strictEqual(found.prefix, home)
      assert.isTrue(found.isVirtual)
    })
  )

  it.live("fails as a start would, for the same reasons", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const exe = yield* python
      const script = (name: string, body: string): string => {
        writeFileSync(join(home, name), `#!/bin/sh\n${body}\n`)
        chmodSync(join(home, name), 0o755)
        return join(home, name)
      }
      const old = `exec "${exe}" -c 'import sys; sys.version_info = (3, 8, 1); sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})' "$@"`
      for (const [options, reason] of [
        [{ python: "/nowhere/python3" }, "interpreter-not-found"],
        [{ python: exe, cwd: "/nowhere" }, "folder-not-found"],
        [{ python: exe, env: { A: "x\0y" } }, "interpreter-not-executable"],
        [{ python: script("old", old) }, "python-too-old"],
        [{ python: script("loud", "echo I am no Python >&2; exit 7") }, "exited"],
        [{ python: script("hanging", "sleep 600; exit"), startTimeout: "300 millis" }, "timeout"]
      ] as const) {
        const error = yield* Effect.flip(PythonEnvironment.check(options))
        assert.strictEqual(error.reason, reason)
        if (reason === "exited") assert.include(error.message, "I am no Python")
      }
    })
  )

  it.effect("refuses what is no requirement", () =>
    Effect.gen(function* () {
      for (const requirement of [
        "",
        "a b",
        "--index-url=x",
        "numpy;x",
        "numpy>",
        "numpy==1;",
        "$(x)",
        "numpy>=1,"
      ]) {
        const exit = yield* Effect.exit(PythonEnvironment.check({ requires: [requirement] }))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), requirement)
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "PythonEnvironment.check")
      }
    })
  )
})
