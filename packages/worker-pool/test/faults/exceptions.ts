/** Exceptions that are hard to describe, modules that cannot be imported, and functions that are not there. */
import type { Act, Expected, Fault, Section } from "./Fault.ts"
import {
  by,
  call,
  error,
  evaluate,
  exec,
  exited,
  importing,
  invalid,
  left,
  nothing,
  raised,
  value
} from "./Fault.ts"

const gives = (name: string, act: Act, expected: Fault["expected"]): Fault => ({
  name,
  act,
  expected,
  reuse: "reused"
})

const fails = (name: string, make: string, expected: Fault["expected"]): Fault =>
  gives(name, call("faults:fail", [make]), expected)

const chain = (link: "cause" | "context", least: number, most: number) => ({
  [link]: (first: unknown): boolean => {
    let length = 0
    for (let one = first; typeof one === "object" && one !== null; one = Reflect.get(one, link)) length++
    return length >= least && length <= most
  }
})

const atMost =
  (limit: number) =>
  (it: unknown): boolean =>
    (typeof it === "string" || Array.isArray(it)) && it.length > 0 && it.length <= limit

/** Raised where nobody can catch it: it is logged. */
const lost = (where: string, source: string, logged: RegExp): Fault => ({
  ...gives(`raised and lost: ${where}`, exec(source), nothing),
  logged
})

/** The classes came with 3.11. */
const group = (expected: Expected): Fault["expected"] =>
  by((minor) => (minor >= 11 ? expected : raised("NameError")))

export const exceptions: Section<Fault> = {
  name: "exceptions",
  faults: [
    fails("whose text raises", "Mute()", raised("faults.Mute", { message: "<unprintable>" })),
    fails("whose text leaves", "Leaving()", raised("faults.Leaving", { message: "<unprintable>" })),
    fails("whose text is none", "Wrong()", raised("faults.Wrong", { message: "<unprintable>" })),
    fails("that cannot be asked", "Sealed('x')", raised("faults.Sealed")),
    fails("that lies about its class", "Impostor('x')", raised("faults.Impostor", { message: "x" })),
    fails("whose notes raise", "Unnoted('x')", raised("faults.Unnoted", { message: "x" })),
    fails(
      "with a lone surrogate in its text",
      String.raw`ValueError("a\ud800b")`,
      raised("ValueError", { message: "a\ud800b" })
    ),
    fails(
      "with a lone surrogate in the name of its class",
      String.raw`type("E", (Exception,), {"__qualname__": "E\ud800"})("x")`,
      raised("faults.E\ud800", { message: "x" })
    ),
    fails(
      "with a class that has no module",
      "type('Homeless', (Exception,), {'__module__': None})('x')",
      raised(/Homeless|unprintable/)
    ),
    fails(
      "with a text of 10 MB",
      "ValueError('x' * 10_000_000)",
      raised("ValueError", { message: atMost(65_536) })
    ),
    gives(
      "a chain of 1,000 causes",
      call("faults:chain", [1_000]),
      raised("ValueError", chain("cause", 1, 8))
    ),
    gives(
      "two that cause each other",
      call("faults:ring", ["__cause__"]),
      raised("ValueError", { message: "first", ...chain("cause", 1, 1) })
    ),
    gives(
      "two in each other's context",
      call("faults:ring", ["__context__"]),
      raised("ValueError", { message: "first", ...chain("context", 1, 1) })
    ),
    fails(
      "that is its own cause",
      "(lambda e: (setattr(e, '__cause__', e), e)[1])(ValueError('own'))",
      raised("ValueError", { message: "own" })
    ),
    fails(
      "a group",
      "ExceptionGroup('all', [ValueError('one'), ExceptionGroup('inner', [KeyError('two')])])",
      group(
        raised("ExceptionGroup", {
          group: [{ type: "ValueError" }, { type: "ExceptionGroup", group: [{ type: "KeyError" }] }]
        })
      )
    ),
    fails(
      "a group of 1,000",
      "ExceptionGroup('all', [ValueError(i) for i in range(1000)])",
      group(raised("ExceptionGroup", { group: atMost(32) }))
    ),
    fails(
      "a group of what ends programs",
      "BaseExceptionGroup('all', [SystemExit(1)])",
      group(raised("BaseExceptionGroup"))
    ),
    gives(
      "with notes that are no text",
      call("faults:noted", ["text", 1, null]),
      raised("ValueError", { notes: ["text", "<int>", "<NoneType>"] })
    ),
    gives(
      "with 100 notes",
      call(
        "faults:noted",
        Array.from({ length: 100 }, () => "note")
      ),
      raised("ValueError", { notes: atMost(16) })
    ),
    gives("endless recursion", call("faults:recurse"), raised("RecursionError", { frames: atMost(64) })),
    fails("MemoryError", "MemoryError('made up')", error("PythonError", "memory")),
    fails("StopIteration", "StopIteration(1)", raised("StopIteration")),
    fails("StopAsyncIteration", "StopAsyncIteration()", raised("StopAsyncIteration")),
    fails(
      "an OSError with its number",
      "FileNotFoundError(2, 'no such file', '/nowhere')",
      raised("FileNotFoundError", { errno: 2 })
    ),
    fails(
      "a UnicodeDecodeError",
      String.raw`UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")`,
      raised("UnicodeDecodeError")
    ),
    fails("something that is no exception", "1", raised("TypeError")),
    lost("in __del__", "import faults; faults.Grave(); x = 1", /^fireweed\.unraisable: [^]*from the grave/),
    lost(
      "in another thread",
      "import faults; faults.in_thread(faults.raising)",
      /^fireweed\.thread: [^]*from a hook/
    ),
    lost(
      "in the callback of a weak reference",
      "import faults, weakref\nclass A: pass\na = A(); r = weakref.ref(a, faults.raising); del a",
      /^fireweed\.unraisable: [^]*from a hook/
    ),
    lost(
      "while garbage is collected",
      "import faults, gc\na = [faults.Grave()]; a.append(a); del a; gc.collect()",
      /^fireweed\.unraisable: [^]*from the grave/
    ),
    lost(
      "by a coroutine that nobody awaits",
      "import faults; faults.asynchronous('x')",
      /^py\.warnings: [^]*was never awaited/
    ),
    {
      ...lost(
        "by a task that nobody awaits",
        `import asyncio, faults, gc
async def main():
    asyncio.ensure_future(asyncio.wait_for(asyncio.sleep(1), 0.001))
    await asyncio.sleep(0.05)
asyncio.run(main())
gc.collect()`,
        /^asyncio: Task exception was never retrieved/
      ),
      alone: true
    },
    gives(
      "SyntaxError",
      importing("wrong", "value = ("),
      raised("SyntaxError", { syntax: { file: /wrong\.py$/, line: 1 } })
    ),
    gives(
      "TabError",
      importing("tabs", "if 1:\n\tx = 1\n        y = 2\n"),
      raised("TabError", { syntax: { line: 3 } })
    ),
    gives(
      "an encoding that does not exist",
      importing("coded", "# coding: nothing\nvalue = 1"),
      raised("SyntaxError")
    ),
    gives(
      "bytes that are no UTF-8",
      call("builtins:exec", [
        "import faults, tempfile\nwith tempfile.TemporaryDirectory() as d: faults.module(d, 'raw', b\"value = '\\xff'\")",
        {}
      ]),
      raised("SyntaxError")
    ),
    gives("NUL in the source", importing("nul", "value = '\0'"), raised(/SyntaxError|ValueError/)),
    gives(
      "a module that imports one that is missing",
      importing("outer", "import nowhere_to_be_found; value = 1"),
      raised("ModuleNotFoundError", {
        message: /nowhere_to_be_found/,
        frames: (it: unknown) => JSON.stringify(it).includes("outer.py")
      })
    ),
    gives("a module that raises", importing("raises", "value = 1 / 0"), raised("ZeroDivisionError")),
    gives(
      "a module that imports itself",
      importing("selfish", "from selfish import value"),
      raised("ImportError", { message: /selfish/ })
    ),
    gives("a module that leaves", importing("leaves", "import sys; sys.exit(1)"), left),
    {
      name: "a module that ends the process",
      act: importing("ends", "import os; os._exit(7)"),
      expected: exited(7),
      reuse: "replaced"
    },
    gives("no such module", call("nowhere:f"), invalid("target", /nowhere/)),
    gives("no such module in a package", call("email.nowhere:f"), invalid("target", /nowhere/)),
    gives("no such function", call("math:nothing"), invalid("target", /nothing/)),
    gives("no such method", call("builtins:str.nothing"), invalid("target", /nothing/)),
    gives("not callable", call("math:pi"), invalid("target", /not callable/)),
    gives("no function in the name", call("math"), invalid("target")),
    gives("an empty name", call(""), invalid("target")),
    gives("a name that is code", call("os; os._exit(1):f"), invalid("target")),
    gives("no such file", call("/nowhere/file.py:f"), invalid("target", /nowhere/)),
    gives("a folder", call("/tmp:f"), invalid("target")),
    gives("a file that is no Python", call("/etc/passwd:f"), invalid("target")),
    gives("too many arguments", call("math:sqrt", [1, 2, 3]), raised("TypeError")),
    gives("too few arguments", call("math:sqrt"), raised("TypeError")),
    gives(
      "an argument that has no such name",
      call("builtins:sorted", [[1]], { kwargs: { nothing: 1 } }),
      raised("TypeError", { message: /nothing/ })
    ),
    gives("an argument of the wrong type", call("math:sqrt", ["four"]), raised("TypeError")),
    gives("a module whose attribute raises", evaluate("Untouchable().anything"), raised("RuntimeError")),
    gives(
      "a hook of exceptions that raises",
      exec(
        "import faults, sys\nhook = sys.excepthook\nsys.excepthook = faults.raising\ntry: 1 / 0\nfinally: sys.excepthook = hook"
      ),
      raised("ZeroDivisionError")
    ),
    gives("caught", evaluate("attempt(os.close, 9999)"), value(null))
  ]
}
