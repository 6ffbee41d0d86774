/** Broadcasts, in virtual time: what each worker says, and what those that come later are told. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const pooled = (
  options: Omit<WorkerPool.Options, "start"> &
    MockWorker.Options & { readonly script?: MockWorker.Script } = {}
) =>
  Effect.gen(function* () {
    const { script, start, ...rest } = options
    const mock = MockWorker.make(
      {
        "app:set": (value: unknown) =>
          value === "bad" ? Behaviour.raise("ValueError", "no such model") : value,
        "app:slowly": (value: unknown) => Behaviour.delay("1 second", Behaviour.reply(value)),
        "app:ok": () => "ok",
        "app:long": Behaviour.delay("10 seconds", Behaviour.reply("long")),
        "app:die": Behaviour.exit(1),
        "app:dies-once": Behaviour.inTurn([
          Behaviour.delay("1 second", Behaviour.exit(1)),
          Behaviour.reply("lives")
        ]),
        "app:Thing": () => ({ get: () => 1, wait: Behaviour.delay("10 seconds") }),
        ...script
      },
      { start }
    )
    const pool = yield* WorkerPool.make({ size: 2, output: "ignore", ...rest, connect: mock.connect })
    yield* TestClock.adjust(0)
    /** What a worker was called with, in order: the target without its module, and its arguments. */
    const told = (worker: string): ReadonlyArray<string> =>
      mock.calls
        .filter((call) => call.worker === worker)
        .map(({ args, target }) => [target.slice(4), ...args].join(" "))
    const kill = (worker: string): void =>
      mock
        .processes()
        .find(({ id }) => id === worker)
        ?.exit(1)
    return { kill, mock, pool, told }
  })

const said = <A>(answers: ReadonlyArray<WorkerPool.Answer<A>>) =>
  answers.map(({ result, worker }) => [
    worker,
    Result.isSuccess(result) ? result.success : nameOf(result.failure)
  ])

const nameOf = (error: CallError.CallError): string => `${error._tag} ${error.reason} ${error.started}`

describe("D58 what is told to all workers has an answer of each", () => {
  it.effect("in the order of the workers, each with what it said", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        size: 3,
        script: {
          "app:set": Behaviour.inTurn([Behaviour.reply(1), Behaviour.raise("OSError"), Behaviour.reply("x")])
        }
      })
      const answers = yield* pool.broadcast("app:set", [], { result: Schema.Finite })
      assert.deepStrictEqual(said(answers), [
        ["1.1", 1],
        ["2.1", "PythonError raised maybe"],
        ["3.1", "InvalidCall result maybe"]
      ])
    })
  )

  it.effect(
    "a busy worker does it when its call is done, before all that waits, and so do those of sessions",
    () =>
      Effect.gen(function* () {
        const { pool, told } = yield* pooled()
        const session = yield* pool.session("mine", "app:Thing")
        assert.strictEqual(session.worker, "1.1")
        yield* fork(session.call("wait"))
        yield* fork(pool.call("app:long"))
        // By now nothing is sent ahead to a worker that takes its time.
        yield* TestClock.adjust("10 millis")
        yield* fork(session.call("get"))
        for (let call = 0; call < 5; call++) yield* fork(pool.call("app:ok"))
        const all = yield* fork(pool.broadcast("app:set", ["a"]))
        yield* TestClock.adjust("9989 millis")
        assert.isUndefined(all.pollUnsafe())
        yield* TestClock.adjust("1 milli")
        assert.deepStrictEqual(said(yield* Fiber.join(all)), [
          ["1.1", "a"],
          ["2.1", "a"]
        ])
        assert.deepStrictEqual([told("1.1")[1], told("2.1")[1]], ["set a", "set a"])
      })
  )

  it.effect("one that is to leave, and stays for a session, does it, too", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled({ size: 1 })
      const session = yield* pool.session("mine", "app:Thing")
      yield* fork(pool.restart())
      yield* TestClock.adjust("1 second")
      const answers = yield* pool.broadcast("app:set", ["a"])
      assert.deepStrictEqual(said(answers), [
        ["1.1", "a"],
        ["1.2", "a"]
      ])
      assert.strictEqual(yield* session.call("get"), 1)
      assert.deepStrictEqual([session.worker, told("1.1")[0]], ["1.1", "set a"])
      yield* TestClock.adjust("1 minute")
    })
  )

  it.effect("with more than one call at once it goes beside the others, one broadcast after the other", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled({ size: 1, concurrency: 3 })
      yield* fork(pool.call("app:long"))
      const first = yield* fork(pool.broadcast("app:slowly", ["a"]))
      const second = yield* fork(pool.broadcast("app:set", ["b"]))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(told("1.1"), ["long", "slowly a"])
      assert.strictEqual(yield* pool.call("app:ok"), "ok", "other calls go on")
      yield* TestClock.adjust("1 milli")
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(told("1.1"), ["long", "slowly a", "ok", "set b"])
    })
  )

  it.effect("one that dies in the middle is lost in its place, and its replacement is told", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled({ size: 1 })
      const all = yield* fork(pool.broadcast("app:dies-once", ["a"]))
      const waits = yield* fork(pool.call("app:ok"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(said(yield* Fiber.join(all)), [["1.1", "WorkerLost exit maybe"]])
      assert.strictEqual(yield* Fiber.join(waits), "ok")
      assert.deepStrictEqual(told("1.2"), ["dies-once a", "ok"])
    })
  )

  it.effect("one that dies before its turn is lost without having begun", () =>
    Effect.gen(function* () {
      const { kill, pool, told } = yield* pooled()
      yield* fork(Effect.flip(pool.call("app:long")))
      const all = yield* fork(pool.broadcast("app:set", ["a"]))
      kill("1.1")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(said(yield* Fiber.join(all)), [
        ["1.1", "WorkerLost exit no"],
        ["2.1", "a"]
      ])
      assert.deepStrictEqual(told("1.2"), ["set a"])
    })
  )

  it.effect("one that is too busy is late in its place, and does it all the same before its next call", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled()
      yield* fork(pool.call("app:long"))
      const all = yield* fork(pool.broadcast("app:set", ["a"], { deadline: "1 second" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(said(yield* Fiber.join(all)), [
        ["1.1", "DeadlineExceeded waiting no"],
        ["2.1", "a"]
      ])
      yield* fork(pool.call("app:long"))
      yield* fork(pool.call("app:ok"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(told("1.1"), ["long", "set a", "ok"])
      assert.strictEqual((yield* pool.snapshot).queued, 0)
    })
  )

  it.effect("what takes too long is stopped, and with `remember: false` what has not begun is dropped", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled()
      yield* fork(pool.call("app:long"))
      const once = { deadline: "500 millis", remember: false } as const
      const all = yield* fork(pool.broadcast("app:slowly", ["a"], once))
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(said(yield* Fiber.join(all)), [
        ["1.1", "DeadlineExceeded waiting no"],
        ["2.1", "DeadlineExceeded running maybe"]
      ])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(told("1.1"), ["long"])
      const { queued, running } = yield* pool.snapshot
      assert.deepStrictEqual([queued, running], [0, 0])
    })
  )

  it.effect(
    "one that is interrupted leaves nothing that waits, and is forgotten unless it was done already",
    () =>
      Effect.gen(function* () {
        for (const [second, expected] of [
          ["app:long", []],
          ["app:ok", ["set a"]]
        ] as const) {
          const { kill, pool, told } = yield* pooled()
          yield* fork(Effect.exit(pool.call("app:long")))
          yield* fork(Effect.exit(pool.call(second)))
          const all = yield* fork(pool.broadcast("app:set", ["a"]))
          yield* TestClock.adjust(0)
          yield* Fiber.interrupt(all)
          yield* TestClock.adjust("20 seconds")
          assert.deepStrictEqual(told("1.1"), ["long", ...expected])
          kill("2.1")
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(told("2.2"), expected)
          assert.strictEqual((yield* pool.snapshot).queued, 0)
        }
      })
  )

  it.effect(
    "a described function checks its arguments before anybody is told, and types what each said",
    () =>
      Effect.gen(function* () {
        const App = PythonModule.make("app", {
          set: PythonModule.fn({
            args: { value: Schema.String },
            positional: ["value"],
            success: Schema.String
          })
        })
        const { pool, told } = yield* pooled()
        const { set } = PythonModule.client(pool, App)
        const answers: ReadonlyArray<WorkerPool.Answer<string>> = yield* set.broadcast(
          { value: "a" },
          { key: "k" }
        )
        assert.deepStrictEqual(said(answers), [
          ["1.1", "a"],
          ["2.1", "a"]
        ])
        // @ts-expect-error -- no text
        const error = yield* Effect.flip(set.broadcast({ value: 1 }))
        assert.strictEqual(nameOf(error), "InvalidCall arguments no")
        assert.deepStrictEqual(told("1.1"), ["set a"])
      })
  )

  it.effect("a closed pool refuses it; one without workers remembers it", () =>
    Effect.gen(function* () {
      const closed = yield* Effect.scoped(Effect.map(pooled(), ({ pool }) => pool))
      assert.strictEqual(nameOf(yield* Effect.flip(closed.broadcast("app:set"))), "PoolUnavailable closed no")
      const { kill, pool, told } = yield* pooled({
        size: 1,
        start: Start.inTurn([Start.ready, Start.slow("1 second")])
      })
      kill("1.1")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* pool.broadcast("app:set", ["a"]), [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told("1.2"), ["set a"])
    })
  )

  it.effect("one that would wait for the call that waits for it is refused", () =>
    Effect.gen(function* () {
      let outcome = ""
      const { pool } = yield* pooled({
        script: { "app:ask": Behaviour.callback("configure") },
        callbacks: {
          configure: () =>
            Effect.map(Effect.flip(Effect.suspend(() => pool.broadcast("app:set", ["a"]))), (error) => {
              outcome = nameOf(error)
            })
        }
      })
      yield* pool.call("app:ask")
      assert.strictEqual(outcome, "InvalidCall reentry no")
    })
  )
})

describe("D58 what was told to all is told to those that come later, in order, before they serve", () => {
  for (const concurrency of [1, 4])
    it.effect(`to a replacement (${concurrency} at once)`, () =>
      Effect.gen(function* () {
        const { kill, pool, told } = yield* pooled({ size: 1, concurrency })
        yield* fork(pool.broadcast("app:slowly", ["a"]))
        yield* TestClock.adjust("1 second")
        yield* pool.broadcast("app:set", ["b"])
        yield* pool.broadcast("app:ok", [], { remember: false })
        kill("1.1")
        yield* TestClock.adjust(0)
        const waits = yield* Effect.forEach([1, 2, 3], () => fork(pool.call("app:ok")))
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(told("1.2"), ["slowly a"])
        assert.lengthOf((yield* pool.snapshot).workers, 0, "it does not serve yet")
        yield* TestClock.adjust("1 milli")
        yield* Fiber.joinAll(waits)
        assert.deepStrictEqual(told("1.2"), ["slowly a", "set b", "ok", "ok", "ok"])
        const { workers } = yield* pool.snapshot
        assert.deepStrictEqual(
          workers.map(({ served }) => served),
          [3],
          "what made it ready is no call that it served"
        )
      })
    )

  it.effect("to one that is there because calls wait", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled({ size: { min: 1, max: 2 } })
      yield* pool.broadcast("app:set", ["a"])
      for (let call = 0; call < 2; call++) yield* fork(pool.call("app:long"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told("2.1"), ["set a", "long"])
    })
  )

  it.effect("to those that take the place of others in a restart", () =>
    Effect.gen(function* () {
      const { pool, told } = yield* pooled()
      yield* pool.broadcast("app:set", ["a"])
      const restarting = yield* fork(pool.restart())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(restarting)
      assert.deepStrictEqual([told("1.2"), told("2.2")], [["set a"], ["set a"]])
      assert.deepStrictEqual(
        said(yield* pool.broadcast("app:set", ["b"])).map(([worker]) => worker),
        ["1.2", "2.2"]
      )
    })
  )

  it.effect("exactly once to one that gets ready while it is under way, whatever the moment", () =>
    Effect.gen(function* () {
      // The second worker gets ready at 1 s, and takes 1 s to do what it is told.
      for (const at of [0, 500, 999, 1_000, 1_001, 1_500, 1_999, 2_000, 2_001, 3_000]) {
        const { pool, told } = yield* pooled({ start: Start.inTurn([Start.ready, Start.slow("1 second")]) })
        yield* fork(pool.broadcast("app:slowly", ["a"]))
        yield* fork(pool.call("app:long"))
        yield* TestClock.adjust(at)
        const all = yield* fork(pool.broadcast("app:set", ["b"]))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(all)
        yield* pool.call("app:ok")
        assert.deepStrictEqual(
          told("2.1").filter((one) => one === "set b"),
          ["set b"],
          `at ${at}`
        )
        assert.deepStrictEqual(told("2.1").slice(0, 1), ["slowly a"], `at ${at}`)
        assert.deepStrictEqual(
          told("1.1").filter((one) => one === "set b"),
          ["set b"],
          `at ${at}`
        )
      }
    })
  )

  it.effect("the later of a key takes the place of the earlier, and `remember: false` leaves it empty", () =>
    Effect.gen(function* () {
      const { kill, pool, told } = yield* pooled({ size: 1 })
      for (const [value, key] of [
        ["a1", "a"],
        ["b1", "b"],
        ["a2", "a"],
        ["none", undefined]
      ] as const)
        yield* pool.broadcast("app:set", [value], { key })
      kill("1.1")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told("1.2"), ["set a2", "set b1", "set none"])
      yield* pool.broadcast("app:ok", [], { key: "b", remember: false })
      kill("1.2")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told("1.3"), ["set a2", "set none"])
    })
  )

  it.effect("what every worker refuses is not remembered, and what it would have replaced is back", () =>
    Effect.gen(function* () {
      const { kill, pool, told } = yield* pooled()
      yield* pool.broadcast("app:set", ["good"], { key: "model" })
      const answers = yield* pool.broadcast("app:set", ["bad"], { key: "model" })
      assert.deepStrictEqual(said(answers), [
        ["1.1", "PythonError raised maybe"],
        ["2.1", "PythonError raised maybe"]
      ])
      kill("1.1")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told("1.2"), ["set good"])
    })
  )

  it.effect("no more are remembered than may be, and one more is refused before anybody is told", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ maxBroadcasts: 2 })
      yield* pool.broadcast("app:set", [1])
      yield* pool.broadcast("app:set", [2], { key: "k" })
      const before = mock.calls.length
      const error = yield* Effect.flip(pool.broadcast("app:set", [3]))
      assert.strictEqual(nameOf(error), "InvalidCall limit no")
      assert.lengthOf(mock.calls, before)
      yield* pool.broadcast("app:set", [4], { key: "k" })
      yield* pool.broadcast("app:set", [5], { remember: false })
    })
  )

  it.effect("what the caller does with the bytes afterwards changes nothing", () =>
    Effect.gen(function* () {
      const { kill, mock, pool } = yield* pooled({ size: 1 })
      const bytes = new Uint8Array(100_000).fill(1)
      yield* pool.broadcast("app:set", [bytes], { result: Schema.Unknown })
      bytes.fill(2)
      kill("1.1")
      yield* TestClock.adjust("1 second")
      const last = mock.calls.at(-1)
      const [sent] = last?.args ?? []
      assert.isTrue(last?.worker === "1.2" && sent instanceof Uint8Array && sent.length === 100_000)
      assert.isTrue(sent instanceof Uint8Array && sent.every((byte) => byte === 1))
    })
  )

  it.effect("a worker that fails at it is not started, and says why; it is when the key is forgotten", () =>
    Effect.gen(function* () {
      const good = Behaviour.reply("good")
      const { kill, pool } = yield* pooled({
        size: 1,
        script: {
          "app:once": Behaviour.inTurn([
            good,
            Behaviour.raise("OSError", "port in use", { frames: [["app.py", 3, "once", "bind()"]] })
          ])
        },
        crashLoop: { deaths: 3, pause: "1 minute" }
      })
      const events = yield* record(pool)
      yield* pool.broadcast("app:once", [], { key: "port" })
      kill("1.1")
      yield* TestClock.adjust("10 seconds")
      const failures = events.flatMap((event) => (event._tag === "StartFailed" ? [event.error] : []))
      assert.deepStrictEqual(
        failures.map(({ reason }) => reason),
        ["replay", "replay", "replay"]
      )
      assert.include(failures[0]?.message, "app.py")
      assert.include(failures[0]?.message, "OSError: port in use")
      assert.strictEqual(nameOf(yield* Effect.flip(pool.call("app:ok"))), "PoolUnavailable crash-loop no")
      yield* pool.broadcast("app:ok", [], { key: "port", remember: false })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )

  it.effect("a worker that dies of it again and again does not count as one that served", () =>
    Effect.gen(function* () {
      const { kill, pool } = yield* pooled({
        size: 1,
        start: Start.ready,
        script: { "app:last": Behaviour.inTurn([Behaviour.reply(1), Behaviour.exit(9)]) },
        crashLoop: { deaths: 3, pause: "1 hour" }
      })
      yield* pool.broadcast("app:set", ["well"])
      yield* pool.broadcast("app:last")
      kill("1.1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.snapshot).circuit, "Open")
    })
  )

  it.effect("a worker that is not done with it in time is not started", () =>
    Effect.gen(function* () {
      const { kill, pool } = yield* pooled({
        size: 1,
        script: { "app:once": Behaviour.inTurn([Behaviour.reply(1), Behaviour.hang, Behaviour.reply(2)]) },
        startTimeout: "5 seconds"
      })
      const events = yield* record(pool)
      yield* pool.broadcast("app:once")
      kill("1.1")
      yield* TestClock.adjust("10 seconds")
      const failure = events.find((event) => event._tag === "StartFailed")
      assert.strictEqual(failure?._tag === "StartFailed" && failure.error.reason, "timeout")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )

  for (const concurrency of [1, 4])
    it.effect(
      `no call that is made afterwards meets a worker that was not told (${concurrency} at once)`,
      () =>
        Effect.gen(function* () {
          const { kill, mock, pool } = yield* pooled({
            size: { min: 2, max: 6, idleTimeout: "3 seconds" },
            concurrency,
            queue: { limit: 10_000, timeout: "1 hour" },
            crashLoop: { deaths: 1_000 },
            start: Start.inTurn([Start.ready, Start.slow("300 millis")]),
            script: { "app:check": (_: number, time: number) => Behaviour.delay(time, Behaviour.reply(1)) }
          })
          let answered = 0
          for (let step = 1; step <= 150; step++) {
            const dice = yield* Random.nextIntBetween(0, 10)
            if (dice < 3)
              yield* fork(
                Effect.map(
                  pool.broadcast("app:set", [step], {
                    key: "k",
                    ...(dice === 0 ? { deadline: "1 second" } : {})
                  }),
                  (answers) => {
                    if (answers.every(({ result }) => Result.isSuccess(result)))
                      answered = Math.max(answered, step)
                  }
                )
              )
            else if (dice < 4) kill(mock.processes()[step % mock.processes().length]?.id ?? "")
            else
              for (let call = 0; call < 3; call++)
                yield* fork(
                  Effect.exit(Effect.suspend(() => pool.call("app:check", [answered, (step * 37) % 700])))
                )
            yield* TestClock.adjust((step * 53) % 200)
          }
          yield* TestClock.adjust("1 hour")
          const knows = new Map<string, number>()
          let checks = 0
          for (const { args, target, worker } of mock.calls) {
            const [value] = args
            assert.isTrue(typeof value === "number")
            if (typeof value !== "number") continue
            if (target === "app:set") {
              assert.isAtLeast(value, knows.get(worker) ?? 0, `${worker} is told what is newer`)
              assert.notStrictEqual(value, knows.get(worker), `${worker} is told once`)
              knows.set(worker, value)
            } else {
              checks++
              assert.isAtLeast(knows.get(worker) ?? 0, value, `${worker} was told before it served`)
            }
          }
          assert.isAbove(checks, 100)
          assert.isAbove(new Set(mock.calls.map(({ worker }) => worker)).size, 5)
          const { queued, running } = yield* pool.snapshot
          assert.deepStrictEqual([queued, running], [0, 0])
        }).pipe(Random.withSeed(`broadcast ${concurrency}`))
    )
})
