/**
 * What a call costs beside the physical limit: the same bytes through a bare Python loop and bare Node streams, one at a time.
 */
import { WorkerPool } from "@fireweed/worker-pool"
import { Codec, Frame, Json, Kind } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import process from "node:process"
import { Readable, Writable } from "node:stream"
import type { Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import * as Interpreter from "../src/transport/Interpreter.ts"

const ECHO = `
import os
while True:
    data = os.read(3, 65536)
    if not data:
        break
    os.write(4, data)
`

const encoded = Codec.pickle.call("math:sqrt", [16], undefined)
if ("_tag" in encoded) throw new Error("the arguments of the benchmark cannot be encoded")
const request = Frame.encode({ kind: Kind.Request.call, codec: 0, id: 1, ...encoded.payload({}) })[0]
if (request === undefined) throw new Error("the frame of the benchmark is empty")

/** One frame there and back, `n` times, through a loop of five lines in Python. */
const rawEcho = (): Subject => {
  let child: ChildProcess | undefined
  return {
    name: "raw echo",
    setup: async () => {
      const python = await Effect.runPromise(
        Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      )
      child = spawn(python, ["-c", ECHO], { stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"] })
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
          if (received < request.length) return
          received = 0
          if (--left > 0) return void input.write(request)
          output.off("data", onData)
          resolve()
        }
        output.on("data", onData)
        input.write(request)
      }),
    teardown: () => void child?.kill("SIGKILL")
  }
}

/** The pool, as its users have it. */
const pooled = (
  name: string,
  run: (pool: WorkerPool.WorkerPool, n: number) => Effect.Effect<unknown, unknown>
): Subject => {
  let scope: Scope.Closeable | undefined
  let pool: WorkerPool.WorkerPool | undefined
  return {
    name,
    setup: async () => {
      scope = await Effect.runPromise(Scope.make())
      pool = await Effect.runPromise(Scope.provide(WorkerPool.make({ size: 1, output: "ignore" }), scope))
    },
    run: async (n) => {
      if (pool !== undefined) await Effect.runPromise(run(pool, n))
    },
    teardown: async () => {
      if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

const call = (pool: WorkerPool.WorkerPool) => pool.call("math:sqrt", [16])

const sequentially = (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
  let left = n
  return Effect.whileLoop({ while: () => left-- > 0, body: () => call(pool), step: () => {} })
}

const inFlight = (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> =>
  Effect.forEach(Array.from({ length: n }), () => call(pool), { concurrency: 64, discard: true })

export default bench(
  [
    {
      name: "sequential call",
      unit: "us/call",
      baseline: rawEcho(),
      subject: pooled("pool.call", sequentially),
      goal: { ratio: 2.5 }
    },
    {
      name: "64 calls in flight",
      unit: "us/call",
      baseline: rawEcho(),
      subject: pooled("pool.call", inFlight)
    },
    {
      name: "arguments to bytes",
      unit: "ns/op",
      baseline: {
        name: "JSON.stringify",
        run: (n) => {
          for (let index = 0; index < n; index++) JSON.stringify([index, "text", { a: [1.5, true, null] }])
        }
      },
      subject: {
        name: "checked and encoded",
        run: (n) => {
          for (let index = 0; index < n; index++)
            Json.encode([index, "text", { a: [1.5, true, null] }], "args")
        }
      }
    }
  ],
  { pinned: true }
)
