/** What workers have to do, each with what has to come of it. */
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Behaviour, Outcome } from "../../workers/Contract.ts"

type Pool = WorkerPool.WorkerPool
type Call<A = unknown> = Effect.Effect<A, CallError.CallError>

const value = (value: unknown): Outcome => ({ value })

/** What tells one failure from another, whoever the worker is. */
const failed = (
  tag: CallError.CallError["_tag"],
  reason: string,
  started: CallError.Started,
  exception?: string
): Outcome => ({ tag, reason, started, ...(exception === undefined ? {} : { exception }) })

/** What a call came to. */
export const outcome = (call: Call): Effect.Effect<Outcome> =>
  Effect.match(call, {
    onSuccess: value,
    onFailure: (error) =>
      failed(
        error._tag,
        error.reason,
        error.started,
        error._tag === "PythonError" ? `${error.exception.type}: ${error.exception.message}` : undefined
      )
  })

/** What is told of the failure of a call. */
const told =
  (call: (pool: Pool) => Call, tell: (error: CallError.CallError) => unknown) =>
  (pool: Pool): Call =>
    Effect.match(call(pool), { onFailure: tell, onSuccess: value })

const call =
  (target: string, args: ReadonlyArray<unknown> = [], options: WorkerPool.CallOptions = {}) =>
  (pool: Pool): Call =>
    pool.call(target, args, options)

/** Its calls, one after the other. */
const inSession =
  (
    args: ReadonlyArray<unknown>,
    ...methods: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<unknown>]>
  ) =>
  (pool: Pool): Call =>
    Effect.scoped(
      Effect.flatMap(pool.session("s", "Counter", args), (session) =>
        Effect.forEach(methods, ([name, ...args]) => outcome(session.call(name, args)))
      )
    )

/** The same of one that survives its worker. */
const surviving =
  (
    options: Pick<WorkerPool.SessionOptions, "onLoss" | "snapshots">,
    ...methods: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<unknown>]>
  ) =>
  (pool: Pool): Call =>
    Effect.scoped(
      Effect.flatMap(pool.session("w", "Counter", [5], options), (session) =>
        Effect.forEach(methods, ([name, ...args]) => outcome(session.call(name, args)))
      )
    )

/** The items of a stream, and how it ended; what its generator returned is the last item. */
const drained = (
  open: (options: WorkerPool.StreamOptions) => Stream.Stream<unknown, CallError.CallError>,
  credit: number,
  most = 1_000
) =>
  Effect.gen(function* () {
    const items: Array<unknown> = []
    const onReturn = (value: unknown): void => void items.push({ returned: value })
    const stream = open({ credit, onReturn }).pipe(Stream.take(most))
    const end = yield* outcome(Stream.runForEach(stream, (item) => Effect.sync(() => items.push(item))))
    return { items, end: "value" in end ? "ended" : end }
  })

const streamed =
  (target: string, args: ReadonlyArray<unknown>, credit: number, most?: number) =>
  (pool: Pool): Call =>
    drained((options) => pool.stream(target, args, options), credit, most)

/** The results of a map, and how it ended. */
const mapped =
  (
    target: string,
    sent: ReadonlyArray<unknown>,
    options: WorkerPool.MapOptions = {},
    most = Number.POSITIVE_INFINITY
  ) =>
  (pool: Pool): Call =>
    Effect.gen(function* () {
      const items: Array<unknown> = []
      const all = pool.map(target, sent, options).pipe(Stream.take(most))
      const end = yield* Effect.result(Stream.runForEach(all, (item) => Effect.sync(() => items.push(item))))
      if (Result.isSuccess(end)) return { items, end: "ended" }
      const { count, index, reason } = end.failure
      return { items, end: { index, count, ...(yield* outcome(Effect.fail(reason))) } }
    })

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)
const items = (items: ReadonlyArray<unknown>, end: unknown = "ended"): Outcome => value({ items, end })
const returned = { returned: "counted" }

/** What a pool that has called back, or was interrupted, must still do. */
const echo = call("echo", ["still here"])

const values: ReadonlyArray<readonly [kind: string, value: unknown]> = [
  ["None", null],
  ["truth", [true, false]],
  ["numbers", [0, -1, 255, 256, 65_536, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 0.5, -1e300]],
  ["text", ["", "a", "ä€😀", "line\nline\0"]],
  ["lists and dicts", [[], {}, [[1], { a: [{ b: null }] }], { __proto__x: 1, "": 2 }]],
  ["a long list", numbers(3_000)],
  ["a long text", "long ".repeat(20_000)]
]

/** What only pickle carries. */
const pickledValues: ReadonlyArray<readonly [kind: string, value: unknown]> = [
  ["bytes", [new Uint8Array(), new Uint8Array([0, 1, 255])]],
  ["large integers", [2n ** 64n, -(2n ** 200n)]],
  ["numbers that are none", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ["sets", [new Set([1, "a"]), new Set()]],
  [
    "dicts with keys of every kind",
    [
      new Map<unknown, unknown>([
        [1, "one"],
        ["k", [null]]
      ])
    ]
  ]
]

/** In the order in which they are to be tried: each leaves a pool that can do the next. */
export const behaviours: ReadonlyArray<Behaviour> = [
  ...values.map(([kind, sent]) => ({
    name: `values: ${kind}`,
    run: call("echo", [sent]),
    expected: value([sent])
  })),
  {
    name: "keyword arguments",
    run: call("echo", [1], { kwargs: { a: [2] } }),
    expected: value([1, { a: [2] }])
  },
  { name: "by its full name", run: call("contract:echo", [3]), expected: value([3]) },
  { name: "not exposed, but there", run: call("contract:hidden"), expected: value("hidden") },

  {
    name: "an exception",
    run: call("fail", ["ValueError", "no"]),
    expected: failed("PythonError", "raised", "maybe", "ValueError: no")
  },
  {
    name: "an exception whose text is quoted",
    run: call("fail", ["KeyError", "k"]),
    expected: failed("PythonError", "raised", "maybe", "KeyError: 'k'")
  },
  {
    name: "an exception, and where it was raised",
    run: told(call("fail", ["ValueError", "no"]), (error) => {
      const last = error._tag === "PythonError" ? error.exception.frames.at(-1) : undefined
      return [last?.[0].endsWith("contract.py"), last?.[2]]
    }),
    expected: value([true, "fail"])
  },
  {
    name: "an exception with a cause and a note",
    run: told(call("fail_from", ["no"]), (error) =>
      error._tag === "PythonError"
        ? [
            error.exception.type,
            error.exception.notes,
            error.exception.cause?.type,
            error.exception.cause?.message
          ]
        : error._tag
    ),
    expected: value(["ValueError", ["a note"], "KeyError", "'k'"])
  },
  {
    name: "sys.exit",
    run: call("leave", [3]),
    expected: failed("PythonError", "exit", "maybe", "SystemExit: 3")
  },
  {
    name: "KeyboardInterrupt",
    run: call("give_up"),
    expected: failed("PythonError", "interrupt", "maybe", "KeyboardInterrupt: ")
  },
  {
    name: "MemoryError",
    run: call("run_out"),
    expected: failed("PythonError", "memory", "maybe", "MemoryError: ")
  },
  {
    name: "what an exception says of a retry",
    run: told(call("fail", ["ValueError", "no"]), ({ category }) => category),
    expected: value("python")
  },

  {
    name: "a result that cannot be sent",
    run: call("no_value"),
    expected: failed("InvalidCall", "result", "maybe")
  },
  {
    name: "an argument that cannot be sent",
    run: call("echo", [() => 1]),
    expected: failed("InvalidCall", "arguments", "no")
  },
  { name: "an unknown name", run: call("nothing"), expected: failed("InvalidCall", "target", "no") },
  {
    name: "an unknown function",
    run: call("contract:nothing"),
    expected: failed("InvalidCall", "target", "no")
  },
  {
    name: "a generator that is called",
    run: call("count", [1]),
    expected: failed("InvalidCall", "stream", "maybe")
  },

  {
    name: "a deadline that is over",
    run: call("echo", [], { deadline: 0 }),
    expected: failed("DeadlineExceeded", "waiting", "no")
  },
  {
    name: "a deadline while it runs",
    run: call("nap", [60], { deadline: "50 millis" }),
    expected: failed("DeadlineExceeded", "running", "maybe")
  },
  {
    name: "an interruption, and the next call",
    run: (pool) =>
      Effect.gen(function* () {
        const nap = yield* Effect.forkChild(pool.call("nap", [60]), { startImmediately: true })
        yield* Effect.sleep("20 millis")
        yield* Fiber.interrupt(nap)
        return yield* echo(pool)
      }),
    expected: value(["still here"])
  },

  { name: "a callback", run: call("ask", ["double", 21]), expected: value(42) },
  { name: "a callback that takes its time", run: call("ask", ["later", 7]), expected: value(7) },
  {
    name: "a callback that is refused and caught",
    run: call("ask_safely", ["nothing"]),
    expected: value("refused")
  },
  {
    name: "a callback that fails and is caught",
    run: call("ask_safely", ["fails"]),
    expected: value("refused")
  },
  {
    name: "a callback that could fail, but does not",
    run: call("ask_safely", ["double", 4]),
    expected: value(8)
  },
  ...(["fails", "nothing"] as const).map((name): Behaviour => ({
    name: name === "fails" ? "a callback that fails" : "a callback that is not there",
    run: told(call("ask", [name]), (error) =>
      error._tag === "PythonError" ? error.exception.type : error._tag
    ),
    expected: value("fireweed.CallbackError")
  })),

  { name: "a stream", run: streamed("count", [100], 64), expected: items([...numbers(100), returned]) },
  {
    name: "a stream, item by item",
    run: streamed("count", [5], 1),
    expected: items([...numbers(5), returned])
  },
  { name: "a stream without items", run: streamed("count", [0], 64), expected: items([returned]) },
  { name: "a stream that is left", run: streamed("count", [100], 8, 3), expected: items(numbers(3)) },
  {
    name: "a stream that fails",
    run: streamed("count_and_fail", [3], 64),
    expected: items(numbers(3), failed("PythonError", "raised", "maybe", "ValueError: after 3"))
  },
  {
    name: "a stream that is left while it sleeps",
    run: streamed("count_and_nap", [3], 64, 3),
    expected: items(numbers(3))
  },
  {
    name: "a stream with an item that cannot be sent",
    run: streamed("odd_items", [], 64),
    expected: items([1], failed("InvalidCall", "result", "maybe"))
  },
  {
    name: "a stream of a function that gives none",
    run: streamed("echo", [1], 64),
    expected: items([], failed("InvalidCall", "stream", "maybe"))
  },
  {
    name: "a stream of an unknown name",
    run: streamed("nothing", [], 64),
    expected: items([], failed("InvalidCall", "target", "no"))
  },

  {
    name: "a map",
    run: mapped("double", numbers(100)),
    expected: items(numbers(100).map((n) => 2 * n))
  },
  {
    name: "a map, item by item",
    run: mapped("double", numbers(10), { chunk: 1 }),
    expected: items(numbers(10).map((n) => 2 * n))
  },
  {
    name: "a map in chunks, the last of them smaller",
    run: mapped("double", numbers(10), { chunk: 4 }),
    expected: items(numbers(10).map((n) => 2 * n))
  },
  { name: "a map over nothing", run: mapped("double", []), expected: items([]) },
  {
    name: "a map with keyword arguments",
    run: mapped("echo", [1, [2]], { kwargs: { a: 3 } }),
    expected: items([
      [1, { a: 3 }],
      [[2], { a: 3 }]
    ])
  },
  {
    name: "a map that is left",
    run: mapped("double", numbers(100), { chunk: 8 }, 3),
    expected: items([0, 2, 4])
  },
  {
    name: "a map of which one item fails",
    run: mapped("halve", [2, 4, 5, 6], { chunk: 10 }),
    expected: items([1, 2], {
      index: 2,
      count: 1,
      ...failed("PythonError", "raised", "maybe", "ValueError: odd")
    })
  },
  {
    name: "a map with a result that cannot be sent",
    run: mapped("odd_values", [0, 2, 3, 4], { chunk: 10 }),
    expected: items([0, 2], { index: 2, count: 1, ...failed("InvalidCall", "result", "maybe") })
  },
  {
    name: "a map with an item that cannot be sent",
    run: mapped("double", [1, 2, () => 1, 3], { chunk: 10 }),
    expected: items([2, 4], { index: 2, count: 1, ...failed("InvalidCall", "arguments", "no") })
  },
  {
    name: "a map of a generator",
    run: mapped("count", [1, 2], { chunk: 2 }),
    expected: items([], { index: 0, count: 1, ...failed("InvalidCall", "stream", "maybe") })
  },
  {
    name: "a map of an unknown name",
    run: mapped("nothing", [1, 2], { chunk: 2 }),
    expected: items([], { index: 0, count: 2, ...failed("InvalidCall", "target", "no") })
  },
  {
    name: "a map that takes too long",
    run: mapped("nap", [0, 0, 60], { chunk: 2, concurrency: 1, deadline: "200 millis" }),
    expected: items([null, null], { index: 2, count: 1, ...failed("DeadlineExceeded", "running", "maybe") })
  },

  {
    name: "a session",
    run: inSession([5], ["add", 2], ["add", 3], ["fail"], ["nothing"], ["add", 1]),
    expected: value([
      value(7),
      value(10),
      failed("PythonError", "raised", "maybe", "ValueError: as told"),
      failed("InvalidCall", "target", "no"),
      value(11)
    ])
  },
  {
    name: "a session of the same key again, from its beginning",
    run: inSession([], ["add", 1]),
    expected: value([value(1)])
  },
  {
    name: "a session that cannot be opened",
    run: inSession([-1]),
    expected: failed("PythonError", "raised", "maybe", "ValueError: below zero")
  },
  {
    name: "a stream of a session, and what it did to it",
    run: (pool) =>
      Effect.scoped(
        Effect.flatMap(pool.session("s", "Counter", [1]), (session) =>
          Effect.all([
            drained((options) => session.stream("numbers", [3], options), 64),
            outcome(session.call("add", [1]))
          ])
        )
      ),
    expected: value([{ items: [2, 3, 4, { returned: null }], end: "ended" }, value(5)])
  },
  {
    name: "a key that is taken",
    run: (pool) =>
      Effect.scoped(
        Effect.andThen(pool.session("t", "Counter"), Effect.asVoid(pool.session("t", "Counter")))
      ),
    expected: failed("SessionError", "exists", "no")
  },

  {
    name: "a session that survives its worker, with what was acknowledged",
    run: surviving({ snapshots: {} }, ["add", 2], ["end"], ["add", 3]),
    expected: value([value(7), failed("WorkerLost", "exit", "maybe"), value(10)])
  },
  {
    name: "a session that survives its worker, as it was after every second call",
    run: surviving({ snapshots: { every: 2 } }, ["add", 1], ["add", 1], ["add", 1], ["end"], ["add", 10]),
    expected: value([value(6), value(7), value(8), failed("WorkerLost", "exit", "maybe"), value(17)])
  },
  {
    name: "a session that is made again",
    run: surviving({ onLoss: "remake" }, ["add", 2], ["end"], ["add", 3]),
    expected: value([value(7), failed("WorkerLost", "exit", "maybe"), value(8)])
  },
  {
    name: "a snapshot that fails",
    run: surviving({ snapshots: {} }, ["add", 8], ["add", 1]),
    expected: value([failed("SessionError", "snapshot", "maybe"), value(14)])
  },
  {
    name: "a stream of a session that survives",
    run: (pool) =>
      Effect.scoped(
        Effect.flatMap(pool.session("w", "Counter", [1], { snapshots: {} }), (session) =>
          Effect.all([
            drained((options) => session.stream("numbers", [3], options), 64),
            outcome(session.call("end")),
            outcome(session.call("add", [1]))
          ])
        )
      ),
    expected: value([
      { items: [2, 3, 4, { returned: null }], end: "ended" },
      failed("WorkerLost", "exit", "maybe"),
      value(5)
    ])
  },
  {
    name: "a session of a class that cannot be saved",
    run: (pool) => Effect.scoped(Effect.asVoid(pool.session("x", "Mortal", [], { snapshots: {} }))),
    expected: failed("InvalidCall", "target", "no")
  },

  { name: "a worker that leaves", run: call("end", [7]), expected: failed("WorkerLost", "exit", "maybe") },
  {
    name: "a worker that is killed",
    run: call("be_killed"),
    expected: failed("WorkerLost", "signal", "maybe")
  },
  {
    name: "a session whose worker is gone",
    run: (pool) =>
      Effect.scoped(
        Effect.gen(function* () {
          const session = yield* pool.session("u", "Counter")
          const pids = (yield* pool.snapshot).workers.length
          yield* Effect.forEach(Array.from({ length: pids }), () => outcome(pool.call("be_killed")))
          return yield* outcome(session.call("add", [1]))
        })
      ),
    expected: value(failed("SessionError", "lost", "no"))
  },
  {
    name: "a map whose worker leaves",
    run: mapped("double_or_end", [1, 2, 3, -1, 4], { chunk: 3, concurrency: 1 }),
    expected: items([2, 4, 6], { index: 3, count: 2, ...failed("WorkerLost", "exit", "maybe") })
  },
  { name: "the next call after a death", run: echo, expected: value(["still here"]) }
]

/** The same for a pool that speaks pickle. */
export const pickled: ReadonlyArray<Behaviour> = [
  ...pickledValues.map(([kind, sent]) => ({
    name: `pickle: ${kind}`,
    run: call("echo", [sent]),
    expected: value([sent])
  })),
  {
    name: "pickle: a point in time",
    run: (pool) => Effect.map(pool.call("echo", [new Date(1_700_000_000_123)]), String),
    expected: value("2023-11-14 22:13:20.123000+00:00")
  }
]

/** The same for a pool with the option `strict`. */
export const strict: ReadonlyArray<Behaviour> = [
  { name: "strict: an exposed name", run: call("echo", [1]), expected: value([1]) },
  {
    name: "strict: an exposed function by its full name",
    run: call("contract:echo", [1]),
    expected: value([1])
  },
  {
    name: "strict: what is not exposed",
    run: call("contract:hidden"),
    expected: failed("InvalidCall", "target", "no")
  },
  {
    name: "strict: what is not even loaded",
    run: call("os:getpid"),
    expected: failed("InvalidCall", "target", "no")
  },
  {
    name: "strict: public methods, and no others",
    run: inSession([5], ["add", 2], ["_hidden"]),
    expected: value([value(7), failed("InvalidCall", "target", "no")])
  },
  {
    name: "strict: a session of no class",
    run: (pool) => Effect.scoped(Effect.asVoid(pool.session("v", "echo"))),
    expected: failed("InvalidCall", "target", "no")
  }
]
