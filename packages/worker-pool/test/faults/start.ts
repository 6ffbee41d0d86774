/** Interpreters that are none, environments that are hostile, and workers that do not get ready. */
import type { WorkerPool } from "@fireweed/worker-pool"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fixtures } from "../support.ts"
import type { Pattern, Section, StartFault } from "./Fault.ts"

type Options = WorkerPool.Options

const refused = (
  name: string,
  options: StartFault["options"],
  reason: Pattern,
  more: object = {}
): StartFault => ({
  name,
  options,
  error: { _tag: "StartError", reason, ...more }
})

/** A shell script in place of the interpreter. */
const script =
  (body: (python: string) => string, more: Options = {}): StartFault["options"] =>
  (python, folder) => {
    const path = join(folder, "python3")
    writeFileSync(path, `#!/bin/sh\n${body(python)}\n`)
    chmodSync(path, 0o755)
    return { python: path, ...more }
  }

/** A real interpreter that runs other statements first. */
const pretending = (statements: string): StartFault["options"] =>
  script(
    (python) =>
      `exec "${python}" -c 'import sys; ${statements}; sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})' "$@"`
  )

/** A real interpreter that speaks for itself: it writes frames that are not the runtime's. */
const speaking =
  (...frames: ReadonlyArray<string>): StartFault["options"] =>
  (python, folder) => {
    writeFileSync(
      join(folder, "speak.py"),
      `
import json, os, struct, sys, time
def frame(kind, value=None, call=0):
    meta = b"" if value is None else json.dumps(value).encode()
    return struct.pack("<HBBIIHHQ", 0x5746, kind, 1, call, len(meta), 0, 0, len(meta)) + meta
def hello(**changes):
    me = {"proto": 1, "runtime": "1", "python": list(sys.version_info[:3]), "impl": "cpython", "exe": sys.executable, "pid": os.getpid()}
    me.update(ppid=os.getppid(), platform="linux", token=os.environ["FIREWEED_TOKEN"], codecs=["pickle", "json"])
    me.update(changes)
    return frame(0x81, me)
${frames.map((one) => `os.write(4, ${one})`).join("\n")}
time.sleep(60)
`
    )
    return script(() => `exec "${python}" "${join(folder, "speak.py")}"`)(python, folder)
  }

const tooOld = (version: string): StartFault =>
  refused(
    `a Python ${version}`,
    pretending(`sys.version_info = (${version.split(".").join(", ")}, "final", 0)`),
    "python-too-old",
    { detail: new RegExp(`${version}.*3\\.9`) }
  )

/** A module of that name, found before the one of Python. */
const shadowed =
  (name: string, source: string): StartFault["options"] =>
  (_python, folder) => {
    mkdirSync(join(folder, "shadow"))
    writeFileSync(join(folder, "shadow", `${name}.py`), source)
    return { env: { PYTHONPATH: join(folder, "shadow") } }
  }

/** A module that each worker imports before it is ready. */
const preloading =
  (source: string, more: Options = {}): StartFault["options"] =>
  (_python, folder) => {
    writeFileSync(join(folder, "preloaded_fault.py"), source)
    return { pythonPath: [folder, fixtures], preload: ["preloaded_fault"], ...more }
  }

const env =
  (variables: { readonly [name: string]: string }): StartFault["options"] =>
  () => ({ env: variables })

const serves = (name: string, options: StartFault["options"]): StartFault => ({ name, options })

export const start: Section<StartFault> = {
  name: "start",
  faults: [
    refused("no such interpreter", () => ({ python: "/nowhere/python3" }), "interpreter-not-found"),
    refused("no such interpreter on the PATH", () => ({ python: "no-such-python" }), "interpreter-not-found"),
    refused(
      "a folder in place of the interpreter",
      () => ({ python: fixtures }),
      "interpreter-not-executable"
    ),
    refused(
      "a file that is no program",
      (_python, folder) => {
        writeFileSync(join(folder, "python3"), "text")
        return { python: join(folder, "python3") }
      },
      "interpreter-not-executable"
    ),
    refused("no such working folder", () => ({ cwd: "/nowhere" }), "folder-not-found", {
      detail: /\/nowhere/
    }),
    refused("an environment that no process can have", env({ A: "x\0y" }), "interpreter-not-executable"),
    refused("true in place of Python", () => ({ python: "/bin/true" }), "exited"),
    refused("false in place of Python", () => ({ python: "/bin/false" }), "exited", { detail: /1/ }),
    refused("cat in place of Python", () => ({ python: "/bin/cat" }), "exited"),
    refused(
      "a program that hangs",
      script(() => "sleep 600", { startTimeout: "500 millis" }),
      "timeout"
    ),
    refused(
      "a program that closes its descriptors and hangs",
      script(() => "exec 3<&- 4<&- 5<&-; sleep 600"),
      "exited"
    ),
    refused(
      "a program that kills itself",
      script(() => "kill -TERM $$"),
      "exited",
      { detail: /SIGTERM/ }
    ),
    refused(
      "a program with something to say",
      script(() => "echo I am no Python >&2; exit 7"),
      "exited",
      {
        detail: /7/,
        stderr: /I am no Python/
      }
    ),
    refused(
      "a program that babbles",
      script(() => "echo garbage of some length here >&4; sleep 60"),
      "handshake"
    ),
    ...["2.7.18", "3.6.15", "3.7.17", "3.8.18"].map(tooOld),
    serves(
      "a wrapper with a banner",
      script((python) => `echo Welcome; echo to Python >&2; exec "${python}" "$@"`)
    ),
    serves(
      "a wrapper that stays",
      script((python) => `"${python}" "$@"`)
    ),
    serves(
      "a sitecustomize that prints",
      shadowed("sitecustomize", "print('hello')\nimport os; os.write(1, b'FW')")
    ),
    refused(
      "a sitecustomize that ends the process",
      shadowed("sitecustomize", "import os; os._exit(9)"),
      "exited",
      { detail: /9/ }
    ),
    serves("a sitecustomize that raises", shadowed("sitecustomize", "1 / 0")),
    refused(
      "a module pickle of the user's that raises",
      shadowed("pickle", "raise RuntimeError('shadow')"),
      /exited|init/,
      {
        stderr: /shadow/
      }
    ),
    refused("no home of Python", env({ PYTHONHOME: "/nowhere" }), "exited", { stderr: /./ }),
    refused("a hash seed that is none", env({ PYTHONHASHSEED: "none" }), "exited", {
      stderr: /PYTHONHASHSEED/
    }),
    refused("a UTF-8 mode that is none", env({ PYTHONUTF8: "none" }), "exited", { stderr: /PYTHONUTF8/ }),
    ...[
      { PYTHONINSPECT: "1" },
      { PYTHONSTARTUP: "/nowhere/startup.py" },
      { PYTHONVERBOSE: "1" },
      { PYTHONWARNINGS: "error" },
      { PYTHONIOENCODING: "ascii" },
      { PYTHONOPTIMIZE: "2" },
      { PYTHONMALLOC: "debug" },
      { PYTHONDEVMODE: "1" },
      { PYTHONPROFILEIMPORTTIME: "1" },
      { PYTHONTRACEMALLOC: "5" },
      { PYTHONUNBUFFERED: "1" },
      { PYTHONDONTWRITEBYTECODE: "1" },
      { PYTHONNOUSERSITE: "1", PYTHONSAFEPATH: "1" },
      { PYTHONPATH: "/nowhere:/etc/passwd" },
      { LC_ALL: "C", LANG: "" },
      { LD_PRELOAD: "/nowhere/lib.so" },
      { HOME: "", PATH: "", TMPDIR: "/nowhere" }
    ].map((variables) =>
      serves(
        `with ${Object.entries(variables)
          .map(([name, text]) => `${name}=${text}`)
          .join(" ")}`,
        env(variables)
      )
    ),
    ...(
      [
        ["that raises", "1 / 0", { detail: /ZeroDivisionError/, exception: { type: "ZeroDivisionError" } }],
        ["that leaves", "raise SystemExit(4)", { detail: /sys\.exit\(4\)/ }],
        ["that is wrong", "value = (", { detail: /SyntaxError/ }],
        ["that imports what is missing", "import nowhere_to_be_found", { detail: /nowhere_to_be_found/ }]
      ] as const
    ).map(([what, source, more]) => refused(`a preloaded module ${what}`, preloading(source), "init", more)),
    refused("a preloaded module that ends the process", preloading("import os; os._exit(8)"), "exited", {
      detail: /8/
    }),
    refused(
      "a preloaded module that is killed",
      preloading("import os; os.kill(os.getpid(), 11)"),
      "exited",
      { detail: /SIGSEGV/ }
    ),
    refused(
      "a preloaded module that hangs",
      preloading("import time; time.sleep(600)", { startTimeout: "2 seconds" }),
      "timeout"
    ),
    refused(
      "a preloaded module that swallows all and hangs",
      preloading("import faults; faults.swallow()", { startTimeout: "2 seconds" }),
      "timeout"
    ),
    refused("a preloaded module that is not there", () => ({ preload: ["nowhere"] }), "init", {
      detail: /nowhere/
    }),
    refused("a setup that is not there", () => ({ setup: "faults:nothing" }), "init", { detail: /nothing/ }),
    refused(
      "a setup that takes other arguments",
      () => ({ setup: { target: "faults:recurse", args: [1] } }),
      "init",
      { detail: /TypeError/ }
    ),
    refused("a setup that recurses without end", () => ({ setup: "faults:recurse" }), "init", {
      detail: /RecursionError/
    }),
    refused(
      "a setup whose exception cannot be printed",
      () => ({ setup: { target: "faults:fail", args: ["Leaving()"] } }),
      "init",
      { detail: /faults\.Leaving/ }
    ),
    serves("a setup that leaves threads behind", () => ({
      setup: { target: "faults:leave_threads", args: [600] }
    })),
    refused("requirements that are not met", () => ({ requires: ["nowhere-to-be-found>=1"] }), /./, {
      detail: /nowhere-to-be-found/
    }),
    refused(
      "5 descriptors",
      script((python) => `ulimit -n 5; exec "${python}" "$@"`),
      "exited"
    ),
    serves(
      "64 descriptors",
      script((python) => `ulimit -n 64; exec "${python}" "$@"`)
    ),
    serves(
      "no core files, and a small stack",
      script((python) => `ulimit -c 0; ulimit -s 1024; exec "${python}" "$@"`)
    ),
    refused(
      "10 MB of memory",
      script((python) => `ulimit -v 10000; exec "${python}" "$@"`),
      "exited"
    ),
    refused("a result before HELLO", speaking("frame(0x83, 1, 1)"), "handshake"),
    refused("READY before HELLO", speaking("frame(0x82, {'ms': 1})"), "handshake"),
    refused("a HELLO of another version", speaking("hello(proto=2)"), "handshake", { detail: /2/ }),
    refused("a HELLO with another token", speaking("hello(token='other')"), "handshake", { detail: /token/ }),
    refused("a HELLO that speaks no pickle", speaking("hello(codecs=['json'])"), "handshake", {
      detail: /pickle/
    }),
    refused("a HELLO that is none", speaking("frame(0x81, [])"), "handshake"),
    refused("two HELLOs", speaking("hello()", "hello()"), "handshake"),
    refused(
      "FATAL in place of READY",
      speaking("hello()", "frame(0x8B, {'phase': 'init', 'message': 'made up'})"),
      "init",
      { detail: /made up/ }
    ),
    refused(
      "FATAL before HELLO",
      speaking("frame(0x8B, {'phase': 'init', 'message': 'made up'})"),
      /init|handshake/
    )
  ]
}
