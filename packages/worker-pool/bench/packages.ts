/** Other packages that call Python, as subjects: an echo of bytes, which both carry as base64 in text. */
import { Buffer } from "node:buffer"
import process from "node:process"
import type { PythonShell } from "python-shell"
import type { Subject } from "../../../scripts/bench/bench.ts"
import { interpreter, peers } from "./subjects.ts"

const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

const expect = (bytes: Uint8Array, echo: unknown): void => {
  const { length } = Buffer.from(String(echo), "base64")
  if (length !== bytes.length) throw new Error(`${length} bytes came back`)
}

/** In its mode for text, the fastest of those that keep messages apart. */
export const pythonShell = (bytes: Uint8Array): Subject => {
  let shell: PythonShell | undefined
  return {
    name: "python-shell",
    setup: async () => {
      const { PythonShell } = await import("python-shell")
      shell = new PythonShell(peers, { args: ["text_lines"], pythonPath: interpreter })
    },
    run: async (n) => {
      for (let left = n; left > 0; left--) {
        const echo = await new Promise((resolve) => {
          shell?.once("message", resolve)
          shell?.send(toText(bytes))
        })
        expect(bytes, echo)
      }
    },
    teardown: () => void shell?.kill("SIGKILL")
  }
}

export const pythonia = (bytes: Uint8Array): Subject => {
  let echo: ((text: string) => Promise<unknown>) | undefined
  let close: (() => void) | undefined
  return {
    name: "pythonia",
    setup: async () => {
      // Its process starts when it is imported.
      process.env["PYTHON_BIN"] = interpreter
      const { python } = await import("pythonia")
      const file = await python(peers)
      echo = (text) => file.same_base64(text)
      close = () => python.exit()
    },
    run: async (n) => {
      for (let left = n; left > 0; left--) expect(bytes, await echo?.(toText(bytes)))
    },
    teardown: () => close?.()
  }
}
