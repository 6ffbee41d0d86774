/** Every reason of every error, brought about, and what the error says. The table has a row for each, or it does not compile. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { CallError, PythonModule, WorkerPool } from "@fireweed/worker-pool"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { death } from "../faults/death.ts"
import { exceptions } from "../faults/exceptions.ts"
import type { Section } from "../faults/Fault.ts"
import { start as starts } from "../faults/start.ts"
import { folder, pool as pythonPool, record } from "../support.ts"

type AnyError = CallError.CallError | CallError.StartError

interface Row {
  /** Brings it about. */
  readonly error: Effect.Effect<AnyError, never, Scope.Scope>
  readonly category: AnyError["category"]
  readonly severity: ReturnType<typeof CallError.severity>
  /** With `"no"` a retry is safe, and the target must not have run. */
  readonly started: CallError.Started
  /** What happened, as its message says it. */
  readonly says: RegExp
}

type Table = {
  readonly [E in AnyError as E["_tag"]]: { readonly [Reason in E["reason"]]: Row }
}

// --- how they are brought about

/** What it fails with, as it must. */
const failure = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<E, never, R> =>
  Effect.flip(effect).pipe(Effect.catch((value) => Effect.die(new Error(`it gave ${inspect(value)}`))))

/** A store that cannot do one thing. */
const faulty = (method: "getUint8Array" | "set") => {
  const fails = Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: "the disk is full" }))
  return {
    getUint8Array: () => Effect.undefined,
    set: () => Effect.void,
    remove: () => Effect.void,
    [method]: () => fails
  }
}

/** A mock pool in virtual time. What is said not to have begun is not among the calls of its workers. */
const mocked = <A>(
  options: Omit<WorkerPool.Options, "start"> & MockWorker.Options,
  use: (pool: WorkerPool.WorkerPool, mock: MockWorker.MockWorker) => Effect.Effect<A, AnyError, Scope.Scope>
): Effect.Effect<AnyError, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(
      {
        "app:ok": () => "ok",
        "app:fail": Behaviour.raise("ValueError", "bad row"),
        "app:items": Behaviour.yields([1]),
        "app:hang": Behaviour.hang,
        "app:frozen": Behaviour.frozen(),
        "app:die": Behaviour.exit(3),
        "app:killed": Behaviour.signal("SIGSEGV"),
        "app:once": Behaviour.inTurn([Behaviour.reply(1), Behaviour.raise("OSError", "no room")]),
        "app:garbage": Behaviour.garbage(),
        "app:Saved": () => ({
          get: () => 1,
          snapshot: Behaviour.inTurn([Behaviour.reply(1), Behaviour.raise("ValueError", "no state")]),
          restore: Behaviour.reply(null)
        }),
        "app:ask": Behaviour.callback("again", [], (value) => Behaviour.reply(value)),
        "app:Thing": () => ({ get: () => 1 })
      },
      { start }
    )
    const making = yield* Effect.forkChild(
      WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: mock.connect }),
      { startImmediately: true }
    )
    yield* TestClock.adjust("1 minute")
    const error = yield* failure(Effect.flatMap(Fiber.join(making), (pool) => use(pool, mock)))
    if (error.started === "no" && "target" in error)
      assert.notInclude(
        mock.calls.map(({ target }) => target),
        error.target
      )
    return error
  }).pipe(Effect.provide(TestClock.layer()))

/** What came of it while time went by. */
const within =
  (duration: Duration.Input) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      yield* TestClock.adjust(duration)
      return yield* Fiber.join(fiber)
    })
const inAMinute = within("1 minute")

const behind = (options: WorkerPool.CallOptions) => (pool: WorkerPool.WorkerPool) =>
  Effect.gen(function* () {
    yield* Effect.forkScoped(pool.call("app:hang"), { startImmediately: true })
    return yield* inAMinute(pool.call("app:ok", [], options))
  })

const startsBy = (start: Start.Start, options: Omit<WorkerPool.Options, "start"> = {}) =>
  mocked({ start, ...options }, () => Effect.void)

let python: WorkerPool.WorkerPool
const scope = Scope.makeUnsafe()
beforeAll(async () => {
  python = await Effect.runPromise(Scope.provide(pythonPool(), scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const faultOf = <A extends { readonly name: string }>({ faults }: Section<A>, name: string): A =>
  faults.find((fault) => fault.name === name) ?? assert.fail(`the catalogue has no "${name}"`)

/** A fault of the catalogue, in Python. */
const strike = (...fault: Parameters<typeof faultOf<(typeof death)["faults"][number]>>) =>
  Effect.suspend(() => failure(faultOf(...fault).act(python)))

const strikeStart = (name: string) =>
  Effect.gen(function* () {
    const options = faultOf(starts, name).options("python3", yield* folder)
    return yield* failure(pythonPool(options))
  })

const Described = PythonModule.make("app", { ok: PythonModule.fn({ success: Schema.Int }) })

// --- what they say

const python_ = { category: "python", severity: "major", started: "maybe" } as const
const invalid = { category: "validation", severity: "minor", started: "no" } as const
const lost = { category: "connection", severity: "major", started: "maybe" } as const
const session = { category: "session", severity: "minor", started: "no" } as const
const start = { category: "initialization", severity: "critical", started: "no" } as const

const table = {
  PythonError: {
    raised: { ...python_, error: mocked({}, (pool) => pool.call("app:fail")), says: /ValueError: bad row/ },
    exit: { ...python_, error: strike(death, "sys.exit(5)"), says: /SystemExit: 5/ },
    interrupt: { ...python_, error: strike(death, "raise KeyboardInterrupt"), says: /KeyboardInterrupt/ },
    memory: { ...python_, error: strike(exceptions, "MemoryError"), says: /MemoryError: made up/ }
  },
  InvalidCall: {
    target: {
      ...invalid,
      error: mocked({ strict: true }, (pool) => pool.call("app:ok")),
      says: /not exposed|exposes/
    },
    arguments: {
      ...invalid,
      error: mocked({}, (pool) => pool.call("app:ok", [{ deep: Symbol("x") }])),
      says: /deep.*symbol/
    },
    result: {
      ...invalid,
      started: "maybe",
      error: mocked({}, (pool) => pool.call("app:ok", [], { result: Schema.Int })),
      says: /the result is not what was asked for/
    },
    stream: {
      ...invalid,
      started: "maybe",
      error: mocked({}, (pool) => pool.call("app:items")),
      says: /generator|stream/
    },
    limit: {
      ...invalid,
      error: mocked({ maxBroadcasts: 1 }, (pool) =>
        Effect.andThen(pool.broadcast("app:once"), pool.broadcast("app:ok"))
      ),
      says: /1 broadcasts are remembered.*remember: false/s
    },
    reentry: {
      ...invalid,
      error: Effect.suspend(() => {
        let again: WorkerPool.WorkerPool | undefined
        let seen: AnyError | undefined
        const callback = () =>
          Effect.tapError(again?.call("app:ok") ?? Effect.void, (error) => Effect.sync(() => (seen = error)))
        return mocked({ callbacks: { again: callback } }, (pool) => {
          again = pool
          return Effect.mapError(pool.call("app:ask"), (error) => seen ?? error)
        })
      }),
      says: /every worker waits for that callback/
    }
  },
  DeadlineExceeded: {
    waiting: {
      category: "timeout",
      severity: "major",
      started: "no",
      error: mocked({}, behind({ deadline: "5 seconds" })),
      says: /not done after 5s \(waiting\)/
    },
    running: {
      category: "timeout",
      severity: "major",
      started: "maybe",
      error: mocked({}, (pool) => inAMinute(pool.call("app:hang", [], { deadline: "5 seconds" }))),
      says: /not done after 5s \(running\)/
    }
  },
  WorkerLost: {
    exit: { ...lost, error: mocked({}, (pool) => pool.call("app:die")), says: /exited with status 3/ },
    signal: { ...lost, error: mocked({}, (pool) => pool.call("app:killed")), says: /killed by SIGSEGV/ },
    eof: { ...lost, error: strike(death, "becomes another program"), says: /closed its pipes and lived on/ },
    violation: {
      ...lost,
      category: "communication",
      error: mocked({}, (pool) => pool.call("app:garbage")),
      says: /broke the protocol/
    },
    stuck: {
      ...lost,
      error: mocked({ heartbeat: { killAfter: "5 seconds" } }, (pool) => inAMinute(pool.call("app:frozen"))),
      says: /killed/
    }
  },
  QueueFull: {
    limit: {
      category: "resource",
      severity: "critical",
      started: "no",
      error: mocked({ queue: { limit: 0 } }, behind({})),
      says: /the queue is full \(0 calls wait\)/
    },
    timeout: {
      category: "resource",
      severity: "critical",
      started: "no",
      error: mocked({ queue: { timeout: "5 seconds" } }, behind({})),
      says: /waited 5s for a worker/
    }
  },
  PoolUnavailable: {
    closed: {
      category: "circuit",
      severity: "major",
      started: "no",
      error: mocked({}, () =>
        Effect.flatMap(
          Effect.scoped(WorkerPool.make({ size: 1, connect: MockWorker.connect({}) })),
          ({ call }) => call("app:ok")
        )
      ),
      says: /closed/
    },
    draining: {
      category: "circuit",
      severity: "major",
      started: "no",
      error: mocked({}, (pool) => Effect.andThen(pool.drain(), pool.call("app:ok"))),
      says: /drained.*in another pool/
    },
    "crash-loop": {
      category: "circuit",
      severity: "major",
      started: "no",
      error: mocked({ crashLoop: { deaths: 2, pause: "5 minutes" } }, (pool) => {
        const die = within("200 millis")(Effect.exit(pool.call("app:die")))
        return Effect.andThen(Effect.repeat(die, { times: 2 }), pool.call("app:ok"))
      }),
      says: /exited with status 3/
    }
  },
  SessionError: {
    lost: {
      ...session,
      error: mocked({}, (pool, mock) =>
        Effect.gen(function* () {
          const thing = yield* pool.session("mine", "app:Thing")
          for (const { exit } of mock.processes()) exit(3)
          yield* inAMinute(Effect.void)
          return yield* thing.call("get")
        })
      ),
      says: /session "mine".*its worker is gone/
    },
    expired: {
      ...session,
      error: mocked({ sessions: { idleTimeout: "1 minute" } }, (pool) =>
        Effect.gen(function* () {
          const thing = yield* pool.session("mine", "app:Thing")
          yield* inAMinute(Effect.void)
          return yield* thing.call("get")
        })
      ),
      says: /session "mine".*not used for 1m/
    },
    snapshot: {
      ...session,
      started: "maybe",
      error: mocked({}, (pool) =>
        Effect.flatMap(pool.session("mine", "app:Saved", [], { snapshots: {} }), (thing) => thing.call("get"))
      ),
      says: /Saved\.get \(session "mine"\).*ValueError: no state/
    },
    store: {
      ...session,
      started: "maybe",
      error: mocked({ sessions: { store: faulty("set") } }, (pool) =>
        pool.session("mine", "app:Saved", [], { snapshots: {} })
      ),
      says: /session "mine".*cannot be stored: the disk is full/
    },
    restore: {
      ...session,
      error: mocked({ sessions: { store: faulty("getUint8Array") } }, (pool) =>
        pool.session("mine", "app:Saved", [], { snapshots: { keep: true } })
      ),
      says: /session "mine".*cannot be read: the disk is full/
    },
    closed: {
      ...session,
      error: mocked({}, (pool) =>
        Effect.flatMap(Effect.scoped(pool.session("mine", "app:Thing")), (thing) => thing.call("get"))
      ),
      says: /closed/
    },
    exists: {
      ...session,
      error: mocked({}, (pool) =>
        Effect.andThen(pool.session("mine", "app:Thing"), pool.session("mine", "app:Thing"))
      ),
      says: /"mine"/
    },
    limit: {
      ...session,
      error: mocked({ maxSessions: 1 }, (pool) =>
        Effect.andThen(pool.session("mine", "app:Thing"), pool.session("other", "app:Thing"))
      ),
      says: /1/
    }
  },
  StartError: {
    "interpreter-not-found": {
      ...start,
      error: strikeStart("no such interpreter"),
      says: /\/nowhere\/python3/
    },
    "interpreter-not-executable": {
      ...start,
      error: strikeStart("a folder in place of the interpreter"),
      says: /fixtures/
    },
    "folder-not-found": { ...start, error: strikeStart("no such working folder"), says: /\/nowhere/ },
    "python-too-old": { ...start, error: startsBy(Start.tooOld([2, 7, 18])), says: /2\.7\.18.*3\.9/ },
    exited: { ...start, error: startsBy(Start.exit(7, "no module named os")), says: /status 7.*no module/s },
    timeout: { ...start, error: startsBy(Start.never), says: /not ready after 30000 ms/ },
    handshake: { ...start, error: startsBy(Start.hello({ token: "another" })), says: /wrong token/ },
    init: { ...start, error: startsBy(Start.fatal("the model is missing")), says: /the model is missing/ },
    "requirement-not-met": {
      ...start,
      error: strikeStart("requirements that are not met"),
      says: /has no nowhere-to-be-found>=1/
    },
    signature: {
      ...start,
      error: startsBy(Start.exposing({ ok: { target: "app:ok", kind: "generator" } }), {
        modules: [Described]
      }),
      says: /app:ok.*described: ok\(\): number.*it is a generator in Python/s
    },
    replay: {
      ...start,
      error: mocked({}, (pool) =>
        Effect.gen(function* () {
          const events = yield* record(pool)
          yield* pool.broadcast("app:once", [], { key: "model" })
          yield* inAMinute(Effect.exit(pool.call("app:die")))
          const failed = events.find((event) => event._tag === "StartFailed")
          return yield* failed?._tag === "StartFailed" ? failed.error : Effect.void
        })
      ),
      says: /failed at what was broadcast: app:once.*OSError: no room/s
    },
    cancelled: {
      ...start,
      error: mocked({ start: Start.inTurn([Start.ready, Start.never]), startTimeout: "10 minutes" }, (pool) =>
        Effect.gen(function* () {
          const events = yield* record(pool)
          yield* inAMinute(Effect.exit(pool.call("app:die")))
          for (const { id } of yield* pool.recoveries.active) yield* inAMinute(pool.recoveries.cancel(id))
          const failed = events.find((event) => event._tag === "StartFailed")
          return yield* failed?._tag === "StartFailed" ? failed.error : Effect.void
        })
      ),
      says: /its start was cancelled/
    }
  }
} satisfies Table

const rows = Object.entries(table).flatMap(([tag, reasons]) =>
  Object.entries<Row>(reasons).map(([reason, row]) => ({ tag, reason, row }))
)

for (const { reason, row, tag } of rows) {
  it.live(`${tag}: ${reason}`, () =>
    Effect.gen(function* () {
      const error = yield* row.error
      assert.deepStrictEqual(
        [error._tag, error.reason, error.category, CallError.severity(error), error.started],
        [tag, reason, row.category, row.severity, row.started]
      )
      // What happened, to whom, and what to do.
      assert.match(error.message, row.says)
      assert.include(error.message, "target" in error ? error.target : error.interpreter)
      assert.isNotEmpty(error.hint)
      assert.include(error.message, error.hint)
      assert.include(inspect(error), `${tag}: ${error.message}`)
    })
  )
}
