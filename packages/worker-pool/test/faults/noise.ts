/** What user code prints, and does to the descriptors it should leave alone. */
import type { Fault, Section } from "./Fault.ts"
import { exec, lost, nothing, raised, error, either } from "./Fault.ts"

const FORGED = String.raw`b"FW\x83\x01\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x0042"`

const fine = (name: string, source: string): Fault => ({
  name,
  act: exec(source),
  expected: nothing,
  reuse: "reused"
})

/** Serves on, but prints no more. */
const mute = (name: string, source: string): Fault => ({ ...fine(name, source), spent: true })

export const noise: Section<Fault> = {
  name: "noise",
  faults: [
    fine("prints 5,000 lines", "for index in range(5000): print('line', index)"),
    fine("prints without an end of line", "import sys; sys.stdout.write('no end'); sys.stdout.flush()"),
    fine("prints NUL and the magic of a frame", String.raw`print("\0FW\x83\x01\0\0")`),
    fine("prints a lone surrogate", String.raw`print("\ud800")`),
    fine("prints a line of 10 MB", "print('x' * 10_000_000)"),
    fine("writes a forged result to descriptor 1", `import os; os.write(1, ${FORGED} * 50)`),
    fine("writes a forged result to descriptor 2", `import os; os.write(2, ${FORGED} * 50)`),
    fine(
      "prints the line of a Python too old",
      `print('FWBOOT {"error": "too-old", "have": [2, 7], "need": [3, 9], "exe": "x"}')`
    ),
    fine(
      "prints from C",
      String.raw`import ctypes; c = ctypes.CDLL(None); c.puts(b"puts"); c.printf(b"no end"); c.fflush(None)`
    ),
    fine("prints from C to standard error", `import ctypes; ctypes.CDLL(None).perror(b"perror")`),
    fine(
      "has a child that inherits its standard output",
      "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', 'print(1)'], check=True)"
    ),
    fine(
      "has a child that inherits its standard error",
      String.raw`import subprocess; subprocess.run(["sh", "-c", "printf '\\377\\376FW\\n' >&2"], check=True)`
    ),
    fine("has a shell that prints", "import os; os.system('echo system; echo error >&2')"),
    fine("has a child that prints on after the call", "import os; os.system('(sleep 0.2; echo late) &')"),
    fine("writes invalid UTF-8 to standard error", String.raw`import os; os.write(2, b"\xff\xfe\xc3\n")`),
    fine(
      "floods standard error with 20 MB",
      String.raw`import sys
for _ in range(20): sys.stderr.write(("x" * 99 + "\n") * 10_000)`
    ),
    fine(
      "floods standard output with 20 MB of one line",
      String.raw`import os
for _ in range(320): os.write(1, b"x" * 65536)`
    ),
    mute("sets sys.stdout to None, and prints", "import sys; sys.stdout = None; print('nowhere')"),
    {
      name: "sets sys.stdout to None, and writes to it",
      act: exec("import sys; sys.stdout = None; sys.stdout.write('x')"),
      expected: raised("AttributeError"),
      reuse: "reused",
      spent: true
    },
    mute("closes sys.stdout and sys.stderr", "import sys; sys.stdout.close(); sys.stderr.close()"),
    {
      name: "prints to a closed sys.stdout",
      act: exec("import sys; sys.stdout.close(); print('x')"),
      expected: raised("ValueError"),
      reuse: "reused",
      spent: true
    },
    mute("replaces sys.stdout by an object that raises", "import sys; sys.stdout = object()"),
    mute("closes descriptors 0, 1 and 2", "import os; [os.close(fd) for fd in (0, 1, 2)]"),
    mute("has descriptor 1 lead to its standard error", "import os; os.dup2(2, 1); print('x')"),
    fine(
      "writes to descriptors 3 to 99",
      "import faults, os\nfor fd in range(3, 100): faults.attempt(os.write, fd, b'garbage')"
    ),
    fine("closes descriptors 3 to 99", "import os; os.closerange(3, 100)"),
    mute("has other files at descriptors 3 to 20", "import os; [os.dup2(1, fd) for fd in range(3, 21)]"),
    {
      name: "reads from descriptor 3",
      act: exec("import os, faults; faults.attempt(os.close, 3); os.read(3, 1)"),
      expected: raised("OSError", { errno: 9 }),
      reuse: "reused"
    },
    {
      name: "closes all descriptors, and goes on",
      act: exec("import os, time; os.closerange(3, 256); time.sleep(60)"),
      // Its own reader may be the first to notice.
      expected: either(lost("eof"), error("WorkerLost", "signal")),
      reuse: "replaced"
    },
    {
      name: "closes all descriptors, and answers",
      act: exec("import os; os.closerange(3, 256)"),
      expected: either(lost("eof"), error("WorkerLost", "signal")),
      reuse: "replaced"
    }
  ]
}
