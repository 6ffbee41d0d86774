/** Ways of calling Python that several benchmarks measure: the pool, and what it is held against. */
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { execFile, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import process from "node:process"
import { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Subject } from "../../../scripts/bench/bench.ts"
import * as Interpreter from "../src/transport/Interpreter.ts"

/** The interpreter that the pool finds: all are measured with the same. */
export const interpreter = await Effect.runPromise(
  Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
)

/** The Python ends. */
export const peers = fileURLToPath(new URL("peers.py", import.meta.url))

/** The pool, as its users have it, with one worker. */
export const pooled = (
  name: string,
  run: (pool: WorkerPool.WorkerPool, n: number) => Effect.Effect<unknown, unknown>,
  options: WorkerPool.Options = {}
): Subject => {
  let scope: Scope.Closeable | undefined
  let pool: WorkerPool.WorkerPool | undefined
  return {
    name,
    setup: async () => {
      scope = await Effect.runPromise(Scope.make())
      pool = await Effect.runPromise(
        Scope.provide(WorkerPool.make({ size: 1, output: "ignore", python: interpreter, ...options }), scope)
      )
    },
    run: async (n) => {
      if (pool !== undefined) await Effect.runPromise(run(pool, n))
    },
    teardown: async () => {
      if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

/** The same over mock workers, with as many calls waiting as there are. */
export const mocked = (
  name: string,
  run: (pool: WorkerPool.WorkerPool, n: number) => Effect.Effect<unknown, unknown>,
  options: WorkerPool.Options & Required<Pick<WorkerPool.Options, "connect">>
): Subject => pooled(name, run, { queue: { limit: 1_000_000, timeout: "1 hour" }, ...options })

/** One call after the other. */
export const sequentially =
  (target: string, args: ReadonlyArray<unknown>) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
    let left = n
    return Effect.whileLoop({ while: () => left-- > 0, body: () => pool.call(target, args), step: () => {} })
  }

/** `width` calls at any time. */
export const inFlight =
  (width: number, target: string, args: ReadonlyArray<unknown>) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> =>
    Effect.forEach(Array.from({ length: n }), () => pool.call(target, args), {
      concurrency: width,
      discard: true
    })

/** A stream of so many items. */
export const streamed =
  (credit: number) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> =>
    Stream.runDrain(pool.stream("itertools:repeat", [["item", 7], n], { credit }))

/** The items of a map, one when it is asked for. */
function* numbers(n: number): Generator<number> {
  for (let item = 0; item < n; item++) yield item
}

/** A function over so many items. */
export const mapped =
  (options: WorkerPool.MapOptions = {}) =>
  (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> =>
    Stream.runDrain(pool.map("math:sqrt", numbers(n), options))

/** Items in batches of 1,000, each a line of JSON there and back, one after the other. */
export const jsonBatches = (name: string): Subject => {
  let peer: Lines | undefined
  return {
    name,
    setup: () => {
      peer = open("json_batches")
    },
    run: (n) =>
      new Promise((resolve) => {
        const next = (from: number): void => {
          if (from >= n) return resolve()
          const batch = Array.from({ length: Math.min(1_000, n - from) }, (_, index) => from + index)
          peer?.ask(JSON.stringify(batch), (line) => {
            JSON.parse(line)
            next(from + batch.length)
          })
        }
        next(0)
      }),
    teardown: () => peer?.close()
  }
}

/** The same items as lines of JSON, with nothing that holds Python back. */
export const jsonItems = (name: string): Subject => {
  let child: ChildProcess | undefined
  return {
    name,
    setup: () => {
      child = spawn(interpreter, [peers, "json_items"], { stdio: ["pipe", "pipe", "inherit"] })
    },
    run: (n) =>
      new Promise((resolve) => {
        let left = n
        let begun = ""
        const onData = (chunk: Buffer): void => {
          const lines = (begun + chunk.toString()).split("\n")
          begun = lines.pop() ?? ""
          for (const line of lines) JSON.parse(line)
          left -= lines.length
          if (left > 0) return
          child?.stdout?.off("data", onData)
          resolve()
        }
        child?.stdout?.on("data", onData)
        child?.stdin?.write(`${n}\n`)
      }),
    teardown: () => void child?.stdin?.end()
  }
}

/** Bytes there and back, through a bare loop in Python that knows nothing of them. */
export const rawEcho = (name: string, bytes: Uint8Array): Subject => {
  let child: ChildProcess | undefined
  return {
    name,
    setup: () => {
      child = spawn(interpreter, [peers, "raw_echo"], {
        stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"]
      })
    },
    run: (n) =>
      new Promise((resolve, reject) => {
        const [input, output] = child?.stdio.slice(3) ?? []
        if (!(input instanceof Writable) || !(output instanceof Readable))
          return reject(new Error("no pipes"))
        let left = n
        let received = 0
        const onData = (chunk: Buffer): void => {
          received += chunk.length
          if (received < bytes.length) return
          received = 0
          if (--left > 0) return void input.write(bytes)
          output.off("data", onData)
          resolve()
        }
        output.on("data", onData)
        input.write(bytes)
      }),
    teardown: () => void child?.kill("SIGKILL")
  }
}

interface Lines {
  /** Sends a line, and gives the one that comes back to `answered`. They come in order. */
  readonly ask: (line: string, answered: (line: string) => void) => void
  readonly close: () => void
}

const open = (program: string): Lines => {
  const child = spawn(interpreter, [peers, program], { stdio: ["pipe", "pipe", "inherit"] })
  const waiting: Array<(line: string) => void> = []
  let begun: Array<Buffer> = []
  child.stdout.on("data", (chunk: Buffer) => {
    let at = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      begun.push(chunk.subarray(at, end))
      const line = begun.length === 1 ? chunk.toString("utf8", at, end) : Buffer.concat(begun).toString()
      begun = []
      at = end + 1
      waiting.shift()?.(line)
    }
    if (at < chunk.length) begun.push(chunk.subarray(at))
  })
  return {
    ask: (line, answered) => {
      waiting.push(answered)
      child.stdin.write(`${line}\n`)
    },
    // Killed, a pool of Python would leave its workers behind.
    close: () => void child.stdin.end()
  }
}

/** Lines over standard input and output, `width` under way at any time. */
const lines = (
  name: string,
  program: string,
  width: number,
  question: () => string,
  read: (line: string) => unknown
): Subject => {
  let peer: Lines | undefined
  return {
    name,
    setup: () => {
      peer = open(program)
    },
    run: (n) =>
      new Promise((resolve) => {
        let asked = 0
        let answered = 0
        const next = (): void => {
          asked++
          peer?.ask(question(), (line) => {
            read(line)
            answered++
            if (asked < n) next()
            else if (answered === n) resolve()
          })
        }
        for (let index = 0; index < width && index < n; index++) next()
      }),
    teardown: () => peer?.close()
  }
}

/** The usual home-made bridge: a line of JSON there, a line of JSON back. `args` and `result` are called for each. */
export const jsonLines = (
  name: string,
  method: string,
  args: () => ReadonlyArray<unknown>,
  result: (value: unknown) => unknown = (value) => value,
  width = 1
): Subject =>
  lines(
    name,
    "json_lines",
    width,
    () => JSON.stringify([method, args()]),
    (line) => result(JSON.parse(line)[0])
  )

/** Something that Python does with itself, asked to do it `n` times. */
export const withinPython = (name: string, program: string): Subject => {
  let peer: Lines | undefined
  return {
    name,
    setup: () => {
      peer = open(program)
    },
    run: (n) => new Promise((resolve) => peer?.ask(String(n), () => resolve())),
    teardown: () => peer?.close()
  }
}

/** A process for each call. */
export const processPerCall = (name: string, code: string): Subject => ({
  name,
  run: async (n) => {
    for (let left = n; left > 0; left--) await promisify(execFile)(interpreter, ["-c", code])
  }
})
