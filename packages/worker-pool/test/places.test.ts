import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import * as Places from "../src/internal/places.ts"
import { fixtures, folder, pool } from "./support.ts"

describe("what relative paths start from", () => {
  const cwd = process.cwd()

  it("is the working folder of the workers, that of this process, unless said otherwise", () => {
    const { pythonPath, preload, target, ...rest } = Places.make({
      preload: ["json", "./a.py", "b/c"],
      reload: ["src"]
    })
    assert.deepStrictEqual(rest, { cwd, reload: [join(cwd, "src")] })
    assert.deepStrictEqual(preload, ["json", join(cwd, "a.py"), join(cwd, "b", "c")])
    assert.deepStrictEqual(pythonPath, [cwd, join(cwd, "b")])
    assert.strictEqual(target("./a.py:f"), `${join(cwd, "a.py")}:f`)
    assert.strictEqual(Places.make({ cwd: "x" }).target("../a.py:A.f"), `${join(cwd, "a.py")}:A.f`)
  })

  it("is `root`: a folder, or the one of the module that says so", () => {
    const module = pathToFileURL("/app/src/main.ts")
    for (const root of [module, module.href, "/app/src", new URL("./", module)]) {
      const places = Places.make({ root, pythonPath: ["lib", "/abs", new URL("./url", module)] })
      assert.deepStrictEqual(places.pythonPath, ["/app/src/lib", "/abs", "/app/src/url"])
      assert.strictEqual(places.target("./a.py:f"), "/app/src/a.py:f")
      assert.strictEqual(places.cwd, cwd)
    }
    assert.deepStrictEqual(Places.make({ root: module }).pythonPath, ["/app/src"])
    assert.strictEqual(Places.make({ cwd: "/run", root: "src" }).target("./a.py:f"), "/run/src/a.py:f")
  })

  it("leaves other targets alone", () => {
    const { target } = Places.make({ root: "/app" })
    for (const other of ["analysis:f", "f", "/abs/a.py:f", "./a.py", "file:///a.py", "..", ".:", ""])
      assert.strictEqual(target(other), other)
    assert.strictEqual(target("file:///x%20y/a.py:f"), "/x y/a.py:f")
  })

  it("takes no URL but those of files", () => {
    for (const wrong of ["", "https://example.org/a.py", "file://host/a.py", new URL("data:,x"), 5, null])
      assert.isFalse(Places.isPlace(wrong), String(wrong))
    for (const right of ["a", "./a.py", "C:\\a", "file:///a", new URL("file:///a")])
      assert.isTrue(Places.isPlace(right))
  })
})

describe("with a real Python", () => {
  const root = pathToFileURL(join(fixtures, "main.ts"))

  it.live("a preloaded file is one module, by its name and by its path", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ root, pythonPath: [], preload: ["./analysis.py"] })
      assert.strictEqual(yield* workers.call("analysis:where"), "analysis")
      assert.strictEqual(yield* workers.call("./analysis.py:where"), "analysis")
      assert.strictEqual(yield* workers.call(`${new URL("./analysis.py", root).href}:where`), "analysis")
    })
  )

  for (const start of ["spawn", "zygote"] as const) {
    it.live(`what cannot be preloaded from a file says why (${start})`, () =>
      Effect.gen(function* () {
        const place = yield* folder
        writeFileSync(join(place, "json.py"), "")
        writeFileSync(join(place, "not-a-name.py"), "")
        writeFileSync(join(place, "helper.py"), "answer = 42")
        writeFileSync(join(place, "raises.py"), "import helper; print(1 / 0)")
        mkdirSync(join(place, "package"))
        cpSync(join(fixtures, "analysis.py"), join(place, "package", "__init__.py"))
        const failure = (file: string) =>
          Effect.map(
            Effect.flip(Effect.scoped(pool({ root: place, preload: [file], start }))),
            (error) => error.message
          )
        assert.include(yield* failure("./missing.py"), `no Python file '${join(place, "missing.py")}'`)
        assert.include(yield* failure("./json.py"), "the module 'json' is ")
        assert.include(
          yield* failure("./not-a-name.py"),
          "'not-a-name' is not the name of a module; rename it"
        )
        assert.include(yield* failure("./raises.py"), "ZeroDivisionError")
        const workers = yield* pool({ root: place, preload: ["./package", "./helper.py"], start })
        assert.strictEqual(yield* workers.call("package:where"), "package")
        assert.strictEqual(yield* workers.call("package:score", [[1, 2]]), 3)
      })
    )
  }
})
