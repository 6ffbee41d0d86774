/** What a pool of processes that talk over pipes must guarantee, each proven with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import { Frame } from "@fireweed/worker-pool/protocol"
import { Process } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { folder, pool, record, until } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }

/** Runs statements in the worker. */
const exec = (workers: WorkerPool.WorkerPool, ...lines: ReadonlyArray<string>) =>
  workers.call("builtins:exec", [lines.join("\n"), {}])

/** Statements that find the descriptor to which frames are written. */
const FIND_WIRE = [
  "import os, sys, stat",
  "wire = [fd for fd in range(200, 210) if os.path.exists('/proc/self/fd/%d' % fd)][1]"
]

/** A module that prints in every way there is. */
const CHATTY = String.raw`
import ctypes, os, subprocess, sys

print("import")
os.write(1, b"FW\x83\n")

def f():
    print("print")
    print("original", file=sys.__stdout__)
    os.write(1, b"descriptor\n")
    os.system("echo system")
    subprocess.run([sys.executable, "-c", "print('child')"])
    ctypes.CDLL(None).puts(b"puts")
    ctypes.CDLL(None).fflush(None)
    return {"value": 1}
`

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

/** What is logged while the effect runs, at every level, a line each, with its annotations. */
const logged = <A, E, R>(run: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      lines.push(JSON.stringify({ logLevel, message, cause, annotations }))
    })
    return run(lines).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
  })

/** A pool of one worker, whose transport is seen, and whose frames can be changed on their way. */
const tapped = (options: WorkerPool.Options = {}) =>
  Effect.gen(function* () {
    const tap: {
      transport: Transport.Transport | undefined
      readonly sent: Array<Frame.Outgoing>
      readonly received: Array<{ readonly kind: number; readonly id: number }>
      change: ((frame: Frame.Outgoing) => Frame.Outgoing) | undefined
    } = { transport: undefined, sent: [], received: [], change: undefined }
    const interpreter = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
    const connect = Process.connect({
      interpreter,
      cwd: process.cwd(),
      env: {},
      maxFrame: options.maxFrame ?? Frame.DEFAULT_MAX_FRAME
    })
    const workers = yield* pool({
      ...options,
      connect: (identity, events) =>
        Effect.map(
          connect(identity, {
            ...events,
            onFrame: (frame) => {
              tap.received.push({ kind: frame.kind, id: frame.id })
              events.onFrame(frame)
            }
          }),
          (transport) => {
            tap.transport = transport
            return {
              ...transport,
              send: (frame) => {
                const changed = tap.change?.(frame) ?? frame
                tap.sent.push(changed)
                transport.send(changed)
              }
            }
          }
        )
    })
    return { workers, tap }
  })

describe("D39 standard error is a separate stream", () => {
  it.live("D39 bytes of every kind on it, also those of a frame, never touch a result", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2 })
      const frame = "b'FW\\x83\\x00\\x01\\x00\\x00\\x00' + bytes(16)"
      const values = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, index) => index),
        (index) =>
          workers.call("builtins:eval", [
            `(__import__('os').write(2, ${frame} + b'\\xff\\n' * 50), ${index})[1]`
          ]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        values,
        values.map((_, index) => index)
      )
    })
  )

  it.live("D39 its lines go to the log one by one, with the worker's id", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const workers = yield* pool({ size: 2, output: "log" })
        const statements = [
          "import os, sys, time",
          // A line that comes in two parts is one line.
          "os.write(2, b'half'); time.sleep(0.05); os.write(2, b' and half\\nwhole\\n')",
          "print('printed', os.environ['FIREWEED_WORKER'], file=sys.stderr); time.sleep(0.2)"
        ]
        yield* Effect.all([exec(workers, ...statements), exec(workers, ...statements)], {
          concurrency: "unbounded"
        })
        yield* until("the lines", () => lines.filter((line) => line.includes("printed")).length >= 2)
        for (const id of ["1.1", "2.1"]) {
          const own = lines.filter((line) => line.includes(`"worker":"${id}"`))
          assert.isTrue(own.every((line) => line.includes('"output":"stderr"')))
          const texts = own.map((line) => /half and half|whole|printed [\d.]+/.exec(line)?.[0])
          assert.deepStrictEqual(texts, ["half and half", "whole", `printed ${id}`])
        }
      })
    )
  )

  it.live("D39 the end of it, and no more, is kept for the error that tells of a worker's death", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const error = yield* Effect.flip(
        exec(
          workers,
          "import os, sys",
          "print('first words', file=sys.stderr)",
          "for _ in range(5000): print('x' * 1000, file=sys.stderr)",
          "print('last words', file=sys.stderr, flush=True)",
          "os._exit(3)"
        )
      )
      if (error._tag !== "WorkerLost") throw error
      assert.match(error.stderr, /last words$/)
      assert.notInclude(error.stderr, "first words")
      assert.isAtMost(error.stderr.length, 65_536)
      assert.isAtLeast(error.stderr.length, 60_000)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

describe("D40 what Python prints cannot corrupt a frame", () => {
  it.live("D40 whoever writes to standard output: imports, print, descriptor 1, C, sub-processes", () =>
    Effect.gen(function* () {
      const home = yield* folder
      writeFileSync(join(home, "chatty.py"), CHATTY)
      const workers = yield* pool({ pythonPath: [home] })
      const events = yield* record(workers)
      assert.deepStrictEqual(yield* workers.call("chatty:f"), { value: 1 })
      assert.deepStrictEqual(yield* workers.call("chatty:f"), { value: 1 })
      const printed = () => events.flatMap((event) => (event._tag === "Output" ? [event.line] : []))
      for (const line of ["import", "print", "original", "descriptor", "system", "child", "puts"]) {
        yield* until(line, () => printed().includes(line))
      }
    })
  )

  it.live("D40 user code finds no frame on descriptors 0 to 9, and standard input is at its end", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      assert.strictEqual(yield* workers.call("builtins:eval", ["__import__('sys').stdin.read()"]), "")
      const open = yield* workers.call("builtins:eval", [
        "[fd for fd in range(3, 10) if __import__('os').path.exists('/proc/self/fd/%d' % fd)]"
      ])
      assert.deepStrictEqual(open, [])
    })
  )

  it.live("D40 bytes that do get on the wire are detected, not misread, and the pool recovers", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("os:getpid")
      const error = yield* Effect.flip(
        exec(workers, ...FIND_WIRE, "os.write(wire, b'Traceback (most recent call last): ...')")
      )
      if (error._tag !== "WorkerLost") throw error
      assert.strictEqual(error.reason, "violation")
      assert.include(error.detail, "magic")
      assert.notStrictEqual(yield* workers.call("os:getpid"), pid)
    })
  )
})

describe("D41 the transport loses nothing, and has back-pressure", () => {
  it.live("D41 1,000 calls of mixed sizes: one frame out and one answer each, with the right value", () =>
    Effect.gen(function* () {
      const { tap, workers } = yield* tapped({ queue: { limit: 2_000 } })
      const sizes = Array.from({ length: 1_000 }, (_, index) => (index % 50 === 0 ? 300_000 : index))
      const lengths = yield* Effect.forEach(
        sizes,
        (size) => workers.call("builtins:len", [new Uint8Array(size)]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(lengths, sizes)
      const calls = tap.sent.filter(({ kind }) => kind === 0x02).map(({ id }) => id)
      const answers = tap.received.filter(({ kind }) => kind === 0x83).map(({ id }) => id)
      // One that was sent ahead, and called back since those before it took their time, is sent again.
      const calledBack = tap.received.filter(({ kind }) => kind === 0x84).map(({ id }) => id)
      assert.strictEqual(answers.length, 1_000)
      assert.deepStrictEqual(
        [...answers, ...calledBack].toSorted((a, b) => a - b),
        calls
      )
    })
  )

  it.live(
    "D41 bytes for a worker that does not read wait here, once; the other calls wait in the queue",
    () =>
      Effect.gen(function* () {
        const { tap, workers } = yield* tapped({ queue: { limit: 4 } })
        const pid = yield* workers.call("os:getpid", [], Pid)
        process.kill(pid, "SIGSTOP")
        const large = new Uint8Array(8_000_000).fill(7)
        const start = () =>
          Effect.forkChild(workers.call("builtins:sum", [large], Pid), { startImmediately: true })
        const fibers = yield* Effect.forEach(Array.from({ length: 5 }), start)
        yield* until("the first to be sent", () => (tap.transport?.pending() ?? 0) > 1_000_000)
        assert.isBelow(tap.transport?.pending() ?? 0, 8_100_000)
        assert.strictEqual(tap.sent.filter(({ kind }) => kind === 0x02).length, 2)
        const { queued, running } = yield* workers.snapshot
        assert.deepStrictEqual({ queued, running }, { queued: 4, running: 1 })
        const error = yield* Effect.flip(workers.call("builtins:sum", [large]))
        assert.strictEqual(error._tag, "QueueFull")
        process.kill(pid, "SIGCONT")
        assert.deepStrictEqual(
          yield* Effect.forEach(fibers, Fiber.join),
          fibers.map(() => 56_000_000)
        )
        assert.strictEqual(tap.transport?.pending(), 0)
      })
  )

  it.live("D41 a large result does not wait for a reader that is busy, and arrives whole", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2 })
      const results = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => workers.call("builtins:bytes", [4_000_000], { result: Schema.instanceOf(Uint8Array) }),
        { concurrency: "unbounded" }
      )
      assert.isTrue(results.every((bytes) => bytes.length === 4_000_000 && bytes.every((byte) => byte === 0)))
    })
  )
})

describe("D69 payloads are never logged", () => {
  for (const codec of ["pickle", "json"] as const) {
    it.live(`D69 no log line, event, printed line or file has a value of a call (${codec})`, () =>
      logged((lines) =>
        Effect.gen(function* () {
          const secret = "sk-5ec3e7-value"
          const home = yield* folder
          const workers = yield* pool({ codec, output: "log", cwd: home, env: { TMPDIR: home } })
          const events = yield* record(workers)
          const big = secret.repeat(10_000)
          const value = { key: secret, rows: [secret, big] }
          assert.deepStrictEqual(yield* workers.call("copy:deepcopy", [value]), value)
          yield* workers.call("builtins:dict", [], { kwargs: { key: secret } })
          const invalid = (target: string, args: ReadonlyArray<unknown>) =>
            Effect.map(Effect.flip(workers.call(target, args)), (error) => {
              assert.strictEqual(error._tag, "InvalidCall")
              assert.notInclude(error.message, secret)
            })
          // What cannot be sent, what cannot be returned, no such function, and a result that is not what was asked for.
          yield* invalid("builtins:len", [secret, { rows: [secret, () => secret] }])
          yield* invalid("builtins:eval", [`[${JSON.stringify(secret)}, object()]`])
          yield* invalid("builtins:nothing", [secret])
          yield* Effect.flip(workers.call("builtins:str", [secret], { result: Schema.Finite }))
          // What raises, what is cancelled, and what takes its worker along, with all of it in its arguments.
          yield* Effect.flip(workers.call("operator:truediv", [1, 0, secret]))
          const sleep = "__import__('time').sleep(60)"
          yield* Effect.flip(workers.call("builtins:eval", [sleep, { secret }], { deadline: "100 millis" }))
          const session = yield* workers.session("s", "collections:UserDict", [{ key: secret }])
          assert.strictEqual(yield* session.call("get", ["key"]), secret)
          yield* Effect.flip(workers.call("builtins:eval", ["__import__('os')._exit(1)", { secret }]))
          assert.strictEqual(yield* workers.call("operator:add", [secret, ""]), secret)
          // What user code prints is logged, so the lines are seen here.
          yield* workers.call("builtins:print", ["seen"])
          yield* until("a printed line", () => lines.some((line) => line.includes("seen")))
          yield* until("its event", () => events.some((event) => event._tag === "Output"))
          assert.deepStrictEqual(
            lines.filter((line) => line.includes(secret)),
            []
          )
          assert.deepStrictEqual(
            events.filter((event) => JSON.stringify(event).includes(secret)),
            []
          )
          assert.isTrue(events.some((event) => event._tag === "WorkerGone"))
          assert.deepStrictEqual(readdirSync(home, { recursive: true }), [])
        })
      )
    )
  }
})

describe("D70 an undecodable request is answered, and the worker goes on", () => {
  const metas: ReadonlyArray<readonly [name: string, codec: Frame.CodecId, meta: Uint8Array]> = [
    ["no meta", 0, Frame.EMPTY],
    ["noise", 0, bytes("\x80\x05\xff\xff\xff\xff")],
    ["half a pickle", 0, bytes("\x80\x05]\x94(K\x01")],
    ["a pickle and more", 0, bytes("\x80\x05N.N.")],
    ["a value that is no call", 0, bytes("\x80\x05K\x01.")],
    ["bytes of a length that nobody has", 0, bytes("\x80\x05\x8e\0\0\0\0\0\x01\0\0.")],
    ["a text longer than the frame", 0, bytes("\x80\x05X\xff\xff\xff\x7fa.")],
    ["a function of the system", 0, bytes("\x80\x05cos\nsystem\n(X\x04\0\0\0exittR.")],
    ["a buffer that did not come", 0, bytes("\x80\x05\x97.")],
    ["an empty stack", 0, bytes("\x80\x05.")],
    ["no meta", 1, Frame.EMPTY],
    ["half of JSON", 1, bytes('[["math:sqrt",[1')],
    ["bytes that are no text", 1, bytes("\xff\xfe")],
    ["NaN", 1, bytes('[["math:sqrt",[NaN],null],null]')],
    ["an object", 1, bytes("{}")],
    ["a target that is a number", 1, bytes("[[1,[],null],null]")],
    ["depth", 1, bytes("[".repeat(100_000))]
  ]
  for (const [name, codec, meta] of metas) {
    it.live(`D70 ${codec === 0 ? "pickle" : "JSON"}: ${name}`, () =>
      Effect.gen(function* () {
        const { tap, workers } = yield* tapped()
        const pid = yield* workers.call("os:getpid")
        tap.change = (frame) =>
          frame.kind === 0x02 ? { ...frame, codec, pieces: [meta], buffers: [] } : frame
        const error = yield* Effect.flip(workers.call("math:sqrt", [4], { deadline: "5 seconds" }))
        tap.change = undefined
        assert.deepInclude(error, { _tag: "InvalidCall", started: "no" })
        assert.strictEqual(yield* workers.call("os:getpid"), pid)
      })
    )
  }

  it.live(
    "D70 only a broken frame ends the connection: its call fails at once, and a new worker serves",
    () =>
      Effect.gen(function* () {
        const { tap, workers } = yield* tapped()
        const pid = yield* workers.call("os:getpid")
        tap.change = (frame) => (frame.kind === 0x02 ? { ...frame, kind: 0x30 } : frame)
        const error = yield* Effect.flip(workers.call("math:sqrt", [4], { deadline: "5 seconds" }))
        tap.change = undefined
        if (error._tag !== "WorkerLost") throw error
        assert.include(error.message, "kind 0x30")
        assert.notStrictEqual(yield* workers.call("os:getpid"), pid)
      })
  )
})

describe("D75 a call can be cancelled, and a frame has a largest size", () => {
  const endless: ReadonlyArray<readonly [name: string, statements: ReadonlyArray<string>]> = [
    ["in a system call", ["import time", "time.sleep(60)"]],
    ["in a loop", ["while True: pass"]],
    ["in C code that waits", ["import threading", "threading.Event().wait(60)"]],
    ["in an event loop", ["import asyncio", "asyncio.run(asyncio.sleep(60))"]]
  ]
  for (const [name, statements] of endless) {
    it.live(`D75 cancelled ${name}, its worker serves the next call`, () =>
      Effect.gen(function* () {
        const { tap, workers } = yield* tapped({ cancelGrace: "5 seconds" })
        const events = yield* record(workers)
        const pid = yield* workers.call("os:getpid")
        const fiber = yield* Effect.forkChild(exec(workers, "print('running', flush=True)", ...statements), {
          startImmediately: true
        })
        yield* until("it to run", () => events.some((event) => event._tag === "Output"))
        const interrupted = Date.now()
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* workers.call("os:getpid"), pid)
        assert.isBelow(Date.now() - interrupted, 4_000)
        const [call] = tap.sent.filter(({ kind }) => kind === 0x02).slice(-2)
        const cancels = tap.sent.filter(({ kind }) => kind === 0x03)
        assert.deepStrictEqual(
          cancels.map(({ id }) => id),
          [call?.id]
        )
        // The one terminal frame of the cancelled call is an error.
        assert.deepStrictEqual(
          tap.received.filter(({ id }) => id === call?.id).map(({ kind }) => kind),
          [0x84]
        )
      })
    )
  }

  it.live("D75 Python refuses a frame by its header: neither memory nor time goes to the rest", () =>
    Effect.gen(function* () {
      const { tap, workers } = yield* tapped({ maxFrame: 65_536 })
      tap.change = (frame) =>
        frame.kind === 0x02 ? { ...frame, pieces: [new Uint8Array(100_000_000)] } : frame
      const error = yield* Effect.flip(workers.call("math:sqrt", [4], { deadline: "10 seconds" }))
      tap.change = undefined
      if (error._tag !== "WorkerLost") throw error
      assert.include(error.message, "frame of 100000000 bytes, the limit is 65536")
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("D75 and so does TypeScript: a header that promises a terabyte costs nothing", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const before = process.memoryUsage().arrayBuffers
      const error = yield* Effect.flip(
        exec(
          workers,
          ...FIND_WIRE,
          "import struct, time",
          "os.write(wire, struct.pack('<HBBIIHHQ', 0x5746, 0x83, 0, 1, 1 << 31, 0, 0, 1 << 40))",
          "time.sleep(60)"
        )
      )
      if (error._tag !== "WorkerLost") throw error
      assert.strictEqual(error.reason, "violation")
      assert.include(error.detail, "limit")
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 50_000_000)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("D75 a call or a result over the limit is that call's error, and no more", () =>
    Effect.gen(function* () {
      const { tap, workers } = yield* tapped({ maxFrame: 65_536 })
      const pid = yield* workers.call("os:getpid")
      const sent = tap.sent.length
      const call = yield* Effect.flip(workers.call("builtins:len", [new Uint8Array(70_000)]))
      assert.deepInclude(call, { _tag: "InvalidCall", reason: "arguments", started: "no" })
      assert.strictEqual(tap.sent.length, sent)
      const result = yield* Effect.flip(workers.call("builtins:bytes", [70_000]))
      assert.deepInclude(result, { _tag: "InvalidCall", reason: "result" })
      assert.strictEqual(yield* workers.call("os:getpid"), pid)
    })
  )
})
