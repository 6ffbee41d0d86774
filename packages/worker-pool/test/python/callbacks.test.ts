/** Python calls named functions of TypeScript, with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { pool, until } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

const Failure = { result: Schema.Tuple([Schema.String, Schema.String, Schema.String, Schema.String]) }

const calling = (callbacks: WorkerPool.Options["callbacks"], options: WorkerPool.Options = {}) =>
  pool({ pythonPath: [here], preload: ["calling"], callbacks, ...options })

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { message: Schema.String }) {}

class Names extends Context.Service<Names, { readonly of: (id: number) => string }>()("test/Names") {}

/** A pool whose callback does what the test says. */
const reentrant = (
  act: (workers: WorkerPool.WorkerPool) => Effect.Effect<unknown, unknown>,
  options: WorkerPool.Options = {}
) =>
  Effect.gen(function* () {
    const own = yield* Deferred.make<WorkerPool.WorkerPool>()
    const workers = yield* calling({ f: () => Effect.flatMap(Deferred.await(own), act) }, options)
    yield* Deferred.succeed(own, workers)
    return workers
  })

describe("a callback", () => {
  for (const codec of ["pickle", "json"] as const) {
    it.live(`is given positional and keyword arguments, and its value goes back (${codec})`, () =>
      Effect.gen(function* () {
        const workers = yield* calling({ f: (...args: ReadonlyArray<unknown>) => ({ args }) }, { codec })
        assert.deepStrictEqual(
          yield* workers.call("calling:call", ["f", 1, [null, "x"]], { kwargs: { a: 1.5 } }),
          { args: [1, [null, "x"], { a: 1.5 }] }
        )
        assert.deepStrictEqual(yield* workers.call("calling:call", ["f"]), { args: [] })
      })
    )
  }

  it.live("may be an effect, which runs with the services of the pool's maker", () =>
    Effect.gen(function* () {
      const workers = yield* calling({
        f: (id: number) => Effect.map(Names, (names) => names.of(id))
      })
      assert.strictEqual(yield* workers.call("calling:call", ["f", 7]), "name 7")
    }).pipe(Effect.provideService(Names, { of: (id) => `name ${id}` }))
  )

  it.live("that carries what only pickle carries", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: (n: bigint, bytes: Uint8Array) => [n * 2n, bytes] })
      const big = 2n ** 70n
      assert.deepStrictEqual(
        yield* workers.call("calling:call", ["f", big, new Uint8Array(200_000).fill(7)]),
        [big * 2n, new Uint8Array(200_000).fill(7)]
      )
    })
  )

  it.live("that fails, throws or dies raises CallbackError with the type and the message", () =>
    Effect.gen(function* () {
      const workers = yield* calling({
        fails: () => Effect.fail(new NotFound({ message: "no row 3" })),
        throws: () => {
          throw new RangeError("too far")
        },
        dies: () => Effect.die(new TypeError("a bug")),
        interrupts: () => Effect.interrupt
      })
      const failure = (name: string) => workers.call("calling:failure", [name], Failure)
      assert.deepStrictEqual((yield* failure("fails")).slice(0, 3), ["fails", "NotFound", "no row 3"])
      assert.deepStrictEqual((yield* failure("throws")).slice(0, 3), ["throws", "RangeError", "too far"])
      assert.deepStrictEqual((yield* failure("dies")).slice(1, 3), ["TypeError", "a bug"])
      assert.strictEqual((yield* failure("interrupts"))[1], "Interrupted")
      const error = yield* Effect.flip(workers.call("calling:call", ["fails"]))
      assert.isTrue(error._tag === "PythonError" && error.exception.type === "fireweed.CallbackError")
    })
  )

  it.live("of an unknown name is refused in Python, and what is close is named", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ progress: () => null })
      const [, type, message] = yield* workers.call("calling:failure", ["progres"], Failure)
      assert.strictEqual(type, "UnknownCallback")
      assert.include(message, "'progress'")
    })
  )

  it.live("whose value cannot be sent is a clear error, either way", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: () => ({ rows: [() => 1] }), promise: () => Promise.resolve(1) })
      const [, type, message] = yield* workers.call("calling:failure", ["f"], Failure)
      assert.strictEqual(type, "InvalidResult")
      assert.include(message, "result.rows[0]")
      assert.include((yield* workers.call("calling:failure", ["promise"], Failure))[2], "Promise")
      assert.strictEqual((yield* workers.call("calling:unsendable", [], Failure))[1], "InvalidArguments")
    })
  )

  it.live("whose value is larger than a frame may be is refused, and the worker goes on", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: () => "x".repeat(5_000) }, { maxFrame: 4_096 })
      const [, type, message] = yield* workers.call("calling:failure", ["f"], Failure)
      assert.strictEqual(type, "InvalidResult")
      assert.include(message, "maxFrame allows 4096")
    })
  )

  it.live("is made from coroutines, threads and the methods of sessions", () =>
    Effect.gen(function* () {
      const workers = yield* calling({
        f: (n: number) => Effect.as(Effect.sleep(10 - n), n * n),
        g: (n: number) => n + 1
      })
      assert.strictEqual(yield* workers.call("calling:call_async", ["f", 3]), 9)
      assert.deepStrictEqual(yield* workers.call("calling:gather", ["f", 5]), [0, 1, 4, 9, 16])
      assert.deepStrictEqual(yield* workers.call("calling:threads", ["g", 4]), [1, 2, 3, 4])
      const session = yield* workers.session("s", "calling:Session")
      assert.isTrue(Number.isNaN(yield* session.call("ask", ["g"])))
    })
  )

  it.live("20,000 of them one after the other all get their own value", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: (n: number) => n + 1 })
      const sum = yield* workers.call("builtins:eval", [
        "sum(__import__('calling').call('f', n) for n in range(20_000))"
      ])
      assert.strictEqual(sum, (20_000 * 20_001) / 2)
    })
  )
})

describe("what waits in a callback", () => {
  it.live("is cancelled with its call, at once, and the fiber is interrupted", () =>
    Effect.gen(function* () {
      for (const target of ["calling:call", "calling:call_async"]) {
        const started = yield* Deferred.make<void>()
        const interrupted = yield* Deferred.make<void>()
        const workers = yield* calling({
          f: () =>
            Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
              Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
            )
        })
        const fiber = yield* Effect.forkChild(workers.call(target, ["f"]))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(interrupted)
        const [worker] = (yield* workers.snapshot).workers
        assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
        assert.strictEqual((yield* workers.snapshot).workers[0]?.pid, worker?.pid)
      }
    })
  )

  it.live("runs into the deadline of its call", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const workers = yield* calling({
        f: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      })
      const error = yield* Effect.flip(workers.call("calling:call", ["f"], { deadline: "200 millis" }))
      assert.isTrue(error._tag === "DeadlineExceeded" && error.reason === "running")
      yield* Deferred.await(interrupted)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("is interrupted when the worker dies", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const pids: Array<number> = []
      const workers = yield* calling({
        f: (pid: number) =>
          Effect.andThen(
            Effect.sync(() => void pids.push(pid)),
            Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
          )
      })
      const fiber = yield* Effect.forkChild(
        Effect.flip(
          workers.call("builtins:eval", ["__import__('calling').call('f', __import__('os').getpid())"])
        )
      )
      yield* until("the callback", () => pids.length === 1)
      yield* Effect.sync(() => process.kill(pids[0] ?? 0, "SIGKILL"))
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "WorkerLost")
      yield* Deferred.await(interrupted)
    })
  )

  it.live("is over when its call is: a thread that still waits is told", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const workers = yield* calling({
        f: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      })
      assert.strictEqual(yield* workers.call("calling:leave_a_thread", ["f"]), null)
      yield* Deferred.await(interrupted)
      const left = yield* workers.call("calling:what_was_left", [], {
        result: Schema.Array(Schema.Array(Schema.String))
      })
      assert.strictEqual(left[0]?.[1], "CallEnded")
    })
  )

  it.live("is gone when the pool's scope has closed", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      let cleaned = false
      yield* Effect.scoped(
        Effect.gen(function* () {
          const workers = yield* calling({
            f: () =>
              Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
                Effect.onInterrupt(() =>
                  Effect.andThen(
                    Effect.sleep("20 millis"),
                    Effect.sync(() => void (cleaned = true))
                  )
                )
              )
          })
          yield* Effect.forkChild(workers.call("calling:call", ["f"]))
          yield* Deferred.await(started)
        })
      )
      assert.isTrue(cleaned)
    })
  )
})

describe("a callback that calls the pool again", () => {
  it.live("is served by another worker", () =>
    Effect.gen(function* () {
      const workers = yield* reentrant((again) => again.call("math:sqrt", [16]), { size: 2 })
      yield* until("both workers", () => Effect.runSync(workers.snapshot).workers.length === 2)
      assert.strictEqual(yield* workers.call("calling:call", ["f"]), 4)
    })
  )

  it.live("is refused when all workers wait for it, and nothing of it has run", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const workers = yield* reentrant((again) =>
        Effect.tapError(again.call("math:sqrt", [16]), (error) =>
          Effect.sync(() =>
            seen.push(error._tag, error._tag === "InvalidCall" ? error.reason : "", error.started)
          )
        )
      )
      const [, type, message] = yield* workers.call("calling:failure", ["f"], Failure)
      assert.strictEqual(type, "InvalidCall")
      assert.include(message, "every worker waits for that callback")
      assert.deepStrictEqual(seen, ["InvalidCall", "reentry", "no"])
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("into a session on the worker that waits is refused, whoever else is idle", () =>
    Effect.gen(function* () {
      const open = yield* Deferred.make<WorkerPool.Session>()
      const workers = yield* calling(
        { f: () => Effect.flatMap(Deferred.await(open), (session) => session.call("ask", ["f"])) },
        { size: 2 }
      )
      const session = yield* workers.session("s", "calling:Session")
      yield* Deferred.succeed(open, session)
      const error = yield* Effect.flip(session.call("ask", ["f"]))
      assert.include(error.message, "a call of the same session waits for")
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )

  it.live("two pools deep and back is refused too", () =>
    Effect.gen(function* () {
      const first = yield* Deferred.make<WorkerPool.WorkerPool>()
      const second = yield* calling({
        g: () => Effect.flatMap(Deferred.await(first), (workers) => workers.call("math:sqrt", [16]))
      })
      const workers = yield* calling({ f: () => second.call("calling:failure", ["g"]) })
      yield* Deferred.succeed(first, workers)
      const seen = yield* workers.call("calling:call", ["f"], Failure)
      assert.strictEqual(seen[1], "InvalidCall")
    })
  )
})

describe("where a worker runs several calls at once", () => {
  it.live("each call has its own callbacks, and one that calls the worker again finds room", () =>
    Effect.gen(function* () {
      const own = yield* Deferred.make<WorkerPool.WorkerPool>()
      const workers = yield* calling(
        {
          f: (n: number) => Effect.as(Effect.sleep(20 - n), n * n),
          again: () => Effect.flatMap(Deferred.await(own), (pool) => pool.call("math:sqrt", [16]))
        },
        { concurrency: 16 }
      )
      yield* Deferred.succeed(own, workers)
      const values = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index % 20),
        (n) => workers.call("calling:call_async", ["f", n]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        values,
        Array.from({ length: 40 }, (_, index) => (index % 20) ** 2)
      )
      assert.strictEqual(yield* workers.call("calling:call_async", ["again"]), 4)
    })
  )

  it.live("the blocking form is refused, since it would hold up the others", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: () => 1 }, { concurrency: 4 })
      const [, type, message] = yield* workers.call("calling:failure", ["f"], Failure)
      assert.strictEqual(type, "NoCall")
      assert.include(message, "await call_parent_async")
    })
  )
})

describe("a generator", () => {
  it.live("calls back between its items", () =>
    Effect.gen(function* () {
      const workers = yield* calling({ f: (n: number) => Effect.succeed(n * 10) })
      for (const target of ["calling:stream", "calling:stream_async"]) {
        assert.deepStrictEqual(
          yield* Stream.runCollect(workers.stream(target, ["f", 100], { credit: 4 })),
          Array.from({ length: 100 }, (_, n) => n * 10)
        )
      }
    })
  )

  it.live("that is left while it waits in a callback ends it", () =>
    Effect.gen(function* () {
      const waiting = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const workers = yield* calling({
        f: (n: number) =>
          n < 2
            ? n
            : Effect.andThen(
                Deferred.succeed(waiting, undefined),
                Effect.onInterrupt(Effect.never, () =>
                  Effect.asVoid(Deferred.succeed(interrupted, undefined))
                )
              )
      })
      const reader = yield* Effect.forkChild(Stream.runDrain(workers.stream("calling:stream", ["f", 9])), {
        startImmediately: true
      })
      yield* Deferred.await(waiting)
      yield* Fiber.interrupt(reader)
      yield* Deferred.await(interrupted)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})
