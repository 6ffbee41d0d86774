import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { PoolUnavailable } from "../../src/CallError.ts"
import type { CallError } from "../../src/CallError.ts"
import * as Timers from "../../src/internal/Timers.ts"
import * as Dispatcher from "../../src/pool/Dispatcher.ts"
import type { Request } from "../../src/pool/Request.ts"
import * as Requests from "../../src/pool/Request.ts"
import type { Entry } from "../../src/pool/Sessions.ts"
import * as Json from "../../src/protocol/Json.ts"
import type { Assignment } from "../../src/worker/Assignment.ts"
import type { Worker } from "../../src/worker/Worker.ts"
import type { WorkerState } from "../../src/worker/WorkerState.ts"

/** A worker that does what the test says, and notes what it is told. */
class FakeWorker implements Worker {
  readonly hello = {
    proto: 1,
    runtime: "",
    python: [3, 11],
    impl: "",
    exe: "",
    pid: 1,
    ppid: 0,
    token: "",
    codecs: ["json"]
  }
  readonly exports = {}
  readonly answered = Effect.never
  readonly ended = Effect.never
  readonly quiet = Effect.never
  // What a heartbeat is interested in, and a dispatcher is not.
  readonly oldest = (): undefined => undefined
  readonly heard = (): number => 0
  readonly vitals = (): undefined => undefined
  readonly ping = (): void => undefined
  readonly examine = (): void => undefined
  readonly giveUp = (): void => undefined
  readonly degrade = (): void => undefined
  readonly id: string
  readonly cancelled: Array<string> = []
  now: WorkerState = "ready"
  readonly capacity: number
  /** Calls that it may be sent ahead. */
  readonly prefetch: number
  readonly calls = new Map<number, { readonly name: string; readonly assignment: Assignment }>()
  readonly given: Array<string> = []

  constructor(id: string, capacity: number, prefetch: number) {
    this.id = id
    this.capacity = capacity
    this.prefetch = prefetch
  }
  state(): WorkerState {
    return this.now
  }
  pid(): number {
    return 1
  }
  served(): number {
    return 0
  }
  load(): number {
    return this.calls.size
  }
  running(): number {
    return Math.min(this.calls.size, this.capacity)
  }
  spare(): number {
    return this.now === "busy" ? this.prefetch - (this.calls.size - this.capacity) : 0
  }
  hasRoom(): boolean {
    return this.now === "ready" || (this.now === "draining" && this.calls.size < this.capacity)
  }
  hasBegun(id: number): boolean {
    return [...this.calls.keys()].indexOf(id) < this.capacity
  }
  drain(): void {
    this.now = "draining"
  }
  assign(assignment: Assignment): number {
    assert.isTrue(this.now === "ready" || this.spare() > 0, `${this.id} was given a call while ${this.now}`)
    const name = new TextDecoder().decode(assignment.payload.pieces[0])
    this.given.push(name)
    this.calls.set(this.given.length, { name, assignment })
    if (this.calls.size >= this.capacity && this.now === "ready") this.now = "busy"
    return this.given.length
  }
  credit(): void {
    assert.fail("there are no streams here")
  }
  cancel(id: number): void {
    this.cancelled.push(this.calls.get(id)?.name ?? `${id}`)
  }
  /** Takes out a call that it has: the one of that name, or the oldest. */
  take(name?: string): Assignment | undefined {
    for (const [id, call] of this.calls) {
      if (name !== undefined && call.name !== name) continue
      this.calls.delete(id)
      if (this.now === "busy" && this.calls.size < this.capacity) this.now = "ready"
      return call.assignment
    }
    return undefined
  }
}

/** The sessions of the tests: each worker has one of every name. */
const sessions = new WeakMap<Worker, Map<string, Entry>>()

const sessionOn = (worker: Worker, key: string): Entry => {
  const own = sessions.get(worker) ?? new Map<string, Entry>()
  sessions.set(worker, own)
  const entry = own.get(key) ?? { key, target: "app:Thing", name: `${key}#1`, epoch: 1, worker }
  own.set(key, entry)
  return entry
}

const setUp = (
  options: {
    readonly limit?: number
    readonly timeout?: number
    readonly limits?: { readonly [target: string]: number }
  } = {}
) =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const workers: Array<FakeWorker> = []
    const dispatcher = Dispatcher.make({
      timers,
      limit: options.limit ?? 10,
      timeout: options.timeout ?? 10_000,
      weights: {},
      limits: options.limits ?? {},
      onWait: () => undefined,
      workers: () => workers,
      callback: () => null
    })
    const outcomes = new Map<string, string>()
    let order = 0

    const hire = (id: string, capacity = 1, prefetch = 0): FakeWorker => {
      const worker = new FakeWorker(id, capacity, prefetch)
      workers.push(worker)
      dispatcher.offer(worker)
      return worker
    }
    const submit = (
      name: string,
      more: {
        readonly pinned?: Worker
        readonly session?: string
        readonly deadline?: number
        readonly runLimit?: number
        readonly after?: () => void
        readonly key?: string
        readonly priority?: number
        /** Default: its name. */
        readonly target?: string
      } = {}
    ): Request => {
      const request: Request = {
        kind: 2,
        target: more.target ?? name,
        codec: 1,
        payload: () => ({ pieces: [new TextEncoder().encode(name)], buffers: [] }),
        session: more.pinned === undefined ? undefined : sessionOn(more.pinned, more.session ?? "key"),
        waiting: undefined,
        deadline:
          more.deadline === undefined
            ? undefined
            : { at: timers.now() + more.deadline, length: more.deadline },
        settle: (result) => {
          assert.isFalse(outcomes.has(name), `${name} was settled twice`)
          outcomes.set(name, describeOutcome(Effect.runSyncExit(result)))
          more.after?.()
        },
        runLimit: more.runLimit ?? Number.POSITIVE_INFINITY,
        patient: more.runLimit !== undefined,
        stream: undefined,
        order: order++,
        key: more.key,
        priority: more.priority ?? 0,
        arrivedAt: undefined,
        takes: false,
        place: Requests.NEW,
        timer: undefined
      }
      dispatcher.submit(request)
      return request
    }
    const answer = (worker: FakeWorker, name?: string): void => {
      const settled = worker.take(name)?.settle({
        _tag: "Result",
        frame: { kind: 0x83, codec: 1, id: 1, meta: Json.encodeJson("ok"), buffers: [] }
      })
      if (worker.now === "ready" || worker.spare() > 0) dispatcher.offer(worker)
      settled?.resume()
    }
    /** It is called back, since the call before it takes its time. */
    const comeBack = (worker: FakeWorker, name: string): void =>
      worker.take(name)?.settle({ _tag: "NotBegun" }).resume()
    const die = (worker: FakeWorker): void => {
      worker.now = "terminated"
      dispatcher.retire(worker)
      const lost: Array<Assignment> = []
      for (let call = worker.take(); call !== undefined; call = worker.take()) lost.push(call)
      const end = { reason: "exit", exitCode: 1, signal: null, detail: "exited", stderr: "" } as const
      const settled = lost.map((call, index) =>
        call.settle(index < worker.capacity ? { _tag: "Lost", stuck: false, end } : { _tag: "NotBegun" })
      )
      for (const { resume } of settled) resume()
    }
    return { timers, dispatcher, outcomes, hire, submit, answer, comeBack, die }
  })

const nameOf = (request: Request): string => new TextDecoder().decode(request.payload(0).pieces[0])

const describeOutcome = (exit: Exit.Exit<unknown, CallError>): string => {
  if (Exit.isSuccess(exit)) return `value ${String(exit.value)}`
  const reason = exit.cause.reasons[0]
  if (reason?._tag !== "Fail") return "defect"
  return `${reason.error._tag} ${reason.error.reason}`
}

describe("order", () => {
  it.effect("first come, first served; the worker that has been idle longest is next", () =>
    Effect.gen(function* () {
      const { answer, hire, submit } = yield* setUp()
      const [a, b] = [hire("a"), hire("b")]
      for (const name of ["1", "2", "3", "4", "5"]) submit(name)
      assert.deepStrictEqual([a.given, b.given], [["1"], ["2"]])
      answer(b)
      answer(a)
      assert.deepStrictEqual(
        [a.given, b.given],
        [
          ["1", "4"],
          ["2", "3"]
        ]
      )
      answer(a)
      answer(b)
      answer(a)
      submit("6")
      assert.deepStrictEqual(b.given.at(-1), "6")
    })
  )

  it.effect(
    "a session's call waits for its worker, though another is idle, and keeps its place among all",
    () =>
      Effect.gen(function* () {
        const { answer, hire, submit } = yield* setUp()
        const a = hire("a")
        submit("1")
        const b = hire("b")
        submit("2", { pinned: a })
        submit("3")
        submit("4")
        submit("5", { pinned: a })
        assert.deepStrictEqual(b.given, ["3"])
        for (let round = 0; round < 3; round++) answer(a)
        assert.deepStrictEqual(a.given, ["1", "2", "4", "5"])
      })
  )
})

it.effect("who calls again at once, when answered, does not pass those who wait", () =>
  Effect.gen(function* () {
    const { answer, hire, submit } = yield* setUp({ limit: 1 })
    const a = hire("a")
    submit("1", { after: () => void submit("4", { pinned: a }) })
    submit("2")
    answer(a)
    answer(a)
    assert.deepStrictEqual(a.given, ["1", "2", "4"])
  })
)

describe("a worker that runs several calls at once", () => {
  it.effect("is full at its capacity; the one with the fewest calls is next", () =>
    Effect.gen(function* () {
      const { answer, hire, submit } = yield* setUp()
      const [a, b] = [hire("a", 2), hire("b", 3)]
      for (const name of ["1", "2", "3", "4", "5", "6", "7"]) submit(name)
      assert.deepStrictEqual(
        [a.given, b.given],
        [
          ["1", "3"],
          ["2", "4", "5"]
        ]
      )
      answer(b, "4")
      answer(b, "2")
      answer(b, "5")
      submit("8")
      assert.deepStrictEqual(b.given.slice(3), ["6", "7", "8"])
    })
  )

  it.effect("takes as many as it can of those that wait, as soon as it is there", () =>
    Effect.gen(function* () {
      const { dispatcher, hire, submit } = yield* setUp()
      for (const name of ["1", "2", "3"]) submit(name)
      assert.deepStrictEqual(hire("a", 2).given, ["1", "2"])
      assert.strictEqual(dispatcher.queued(), 1)
    })
  )

  it.effect("runs the calls of one session one at a time, in order, and others beside them", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, submit } = yield* setUp()
      const a = hire("a", 2)
      submit("x1", { pinned: a, session: "x" })
      submit("x2", { pinned: a, session: "x" })
      submit("y1", { pinned: a, session: "y" })
      submit("y2", { pinned: a, session: "y" })
      submit("x3", { pinned: a, session: "x" })
      assert.deepStrictEqual(a.given, ["x1", "y1"])
      answer(a, "y1")
      answer(a, "y2")
      assert.deepStrictEqual(a.given, ["x1", "y1", "y2"], "x2 waits for x1, not for room")
      submit("free")
      answer(a, "x1")
      answer(a, "free")
      assert.deepStrictEqual(a.given, ["x1", "y1", "y2", "free", "x2"])
      answer(a, "x2")
      assert.strictEqual(a.given.at(-1), "x3")
      assert.strictEqual(dispatcher.queued(), 0)
    })
  )

  it.effect("a session's next call keeps its place among those of other sessions", () =>
    Effect.gen(function* () {
      const { answer, hire, submit } = yield* setUp()
      const a = hire("a", 1)
      submit("x1", { pinned: a, session: "x" })
      submit("x2", { pinned: a, session: "x" })
      submit("y1", { pinned: a, session: "y" })
      submit("z")
      for (let round = 0; round < 3; round++) answer(a)
      assert.deepStrictEqual(a.given, ["x1", "x2", "y1", "z"])
    })
  )

  it.effect(
    "a session's call that is given up lets the next one run; one that runs does so when it ends",
    () =>
      Effect.gen(function* () {
        const { answer, dispatcher, hire, submit } = yield* setUp()
        const a = hire("a", 2)
        submit("long")
        submit("other")
        const first = submit("x1", { pinned: a, session: "x" })
        const second = submit("x2", { pinned: a, session: "x" })
        submit("x3", { pinned: a, session: "x" })
        dispatcher.abandon(first)
        answer(a, "other")
        assert.strictEqual(a.given.at(-1), "x2")
        dispatcher.abandon(second)
        answer(a, "long")
        assert.strictEqual(a.given.at(-1), "x2", "it has not ended yet")
        answer(a, "x2")
        assert.strictEqual(a.given.at(-1), "x3")
        assert.deepStrictEqual(a.cancelled, ["x2"])
      })
  )
})

describe("limits", () => {
  it.effect("a full queue refuses at once", () =>
    Effect.gen(function* () {
      const { dispatcher, hire, outcomes, submit } = yield* setUp({ limit: 2 })
      hire("a")
      for (const name of ["1", "2", "3", "4"]) submit(name)
      assert.deepStrictEqual([...outcomes], [["4", "QueueFull limit"]])
      assert.strictEqual(dispatcher.queued(), 2)
    })
  )

  it.effect("who waits too long is told once, and never runs", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, outcomes, submit } = yield* setUp({ timeout: 500 })
      const a = hire("a")
      submit("1")
      submit("2")
      yield* TestClock.adjust(400)
      submit("3")
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([...outcomes], [["2", "QueueFull timeout"]])
      answer(a)
      assert.deepStrictEqual(a.given, ["1", "3"])
      yield* TestClock.adjust(5_000)
      answer(a)
      assert.deepStrictEqual(outcomes.get("3"), "value ok")
      assert.strictEqual(dispatcher.queued(), 0)
    })
  )

  it.effect("a deadline ends the wait, the work, or refuses what comes too late", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, outcomes, submit, timers } = yield* setUp()
      const a = hire("a")
      submit("runs", { deadline: 300 })
      submit("waits", { deadline: 200 })
      submit("late", { deadline: 0 })
      assert.strictEqual(outcomes.get("late"), "DeadlineExceeded waiting")
      yield* TestClock.adjust(200)
      assert.strictEqual(outcomes.get("waits"), "DeadlineExceeded waiting")
      yield* TestClock.adjust(100)
      assert.strictEqual(outcomes.get("runs"), "DeadlineExceeded running")
      assert.deepStrictEqual(a.cancelled, ["runs"])
      assert.strictEqual(dispatcher.running(), 1, "its worker is busy until it answers")
      answer(a)
      assert.strictEqual(dispatcher.running(), 0)
      submit("next", { deadline: 300 })
      answer(a)
      assert.strictEqual(outcomes.get("next"), "value ok")
      assert.strictEqual(timers.size(), 0, "no timer is left")
    })
  )

  it.effect("the shorter of deadline and patience counts", () =>
    Effect.gen(function* () {
      const { hire, outcomes, submit } = yield* setUp({ timeout: 500 })
      hire("a")
      submit("1")
      submit("2", { deadline: 900 })
      submit("3", { deadline: 100 })
      yield* TestClock.adjust(1_000)
      assert.strictEqual(outcomes.get("2"), "QueueFull timeout")
      assert.strictEqual(outcomes.get("3"), "DeadlineExceeded waiting")
    })
  )
})

describe("functions with a limit", () => {
  const limits = { few: 1 }

  it.effect("wait beside the others, and hold up none of them", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, outcomes, submit } = yield* setUp({ limits })
      const [a, b, c] = [hire("a"), hire("b"), hire("c")]
      for (const name of ["few", "few", "few"]) submit(name, { key: "greedy" })
      for (const name of ["1", "2", "3"]) submit(name, { key: "greedy" })
      assert.deepStrictEqual([a.given, b.given, c.given], [["few"], ["1"], ["2"]])
      answer(b)
      assert.deepStrictEqual(b.given, ["1", "3"], "the next that may run, though others came before")
      answer(b)
      assert.deepStrictEqual([dispatcher.queued(), dispatcher.running()], [2, 2])
      outcomes.delete("few")
      answer(a)
      assert.deepStrictEqual(a.given, ["few", "few"])
    })
  )

  it.effect("one runs on another worker as soon as the limit allows it, though its own leaves", () =>
    Effect.gen(function* () {
      const { die, hire, outcomes, submit } = yield* setUp({ limits })
      const [a, b] = [hire("a"), hire("b")]
      submit("few")
      submit("few")
      assert.deepStrictEqual([a.given, b.given], [["few"], []])
      die(a)
      assert.deepStrictEqual(b.given, ["few"])
      assert.deepStrictEqual([...outcomes], [["few", "WorkerLost exit"]])
    })
  )

  it.effect("whoever gives up in the middle of it takes no place", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, submit, timers } = yield* setUp({ limits, timeout: 300 })
      const [a, b] = [hire("a"), hire("b")]
      const running = submit("few")
      const queued = submit("few", { deadline: 100 })
      dispatcher.abandon(queued)
      dispatcher.abandon(running)
      submit("few")
      assert.deepStrictEqual([a.given, b.given], [["few"], []], "the first has not ended yet")
      answer(a)
      assert.deepStrictEqual([a.given, b.given], [["few", "few"], []])
      answer(a)
      assert.deepStrictEqual([dispatcher.queued(), dispatcher.running(), timers.size()], [0, 0, 0])
    })
  )

  it.effect("those sent ahead count, and come back as others do", () =>
    Effect.gen(function* () {
      const { answer, comeBack, hire, submit } = yield* setUp({ limits: { few: 2 } })
      const a = hire("a", 1, 4)
      for (const name of ["1", "few", "few", "few", "2"]) submit(name)
      assert.deepStrictEqual(a.given, ["1", "few", "few", "2"])
      comeBack(a, "few")
      const b = hire("b")
      assert.deepStrictEqual(b.given, ["few"])
      answer(b)
      assert.deepStrictEqual(b.given, ["few", "few"])
    })
  )
})

it.effect("a session's calls take part in the order of priorities and keys, on their own worker", () =>
  Effect.gen(function* () {
    const { answer, hire, submit } = yield* setUp()
    const a = hire("a")
    submit("0")
    for (const name of ["greedy 1", "greedy 2", "greedy 3"]) submit(name, { key: "greedy" })
    submit("session", { pinned: a, key: "mine" })
    submit("first", { priority: 1 })
    for (let round = 0; round < 4; round++) answer(a)
    assert.deepStrictEqual(a.given, ["0", "first", "greedy 1", "session", "greedy 2"])
  })
)

describe("what ends something", () => {
  it.effect("waits past all limits, and is told to stop when it runs too long", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, outcomes, submit } = yield* setUp({ limit: 1, timeout: 100 })
      const a = hire("a")
      submit("1")
      submit("2")
      submit("close", { pinned: a, runLimit: 500 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([...outcomes], [["2", "QueueFull timeout"]])
      answer(a)
      assert.deepStrictEqual(a.given, ["1", "close"])
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(a.cancelled, ["close"])
      assert.strictEqual(outcomes.get("close"), "DeadlineExceeded running")
      answer(a)
      assert.strictEqual(dispatcher.running(), 0)
    })
  )
})

describe("a caller that leaves", () => {
  it.effect(
    "is taken from the queue, or its call is cancelled; nothing is settled, and nothing is left",
    () =>
      Effect.gen(function* () {
        const { answer, dispatcher, hire, outcomes, submit, timers } = yield* setUp()
        const a = hire("a")
        const running = submit("1", { deadline: 1_000 })
        const queued = submit("2")
        submit("3")
        dispatcher.abandon(queued)
        dispatcher.abandon(running)
        dispatcher.abandon(running)
        assert.deepStrictEqual(a.cancelled, ["1"])
        answer(a)
        assert.deepStrictEqual(a.given, ["1", "3"])
        answer(a)
        assert.deepStrictEqual([...outcomes], [["3", "value ok"]])
        assert.deepStrictEqual([dispatcher.queued(), dispatcher.running(), timers.size()], [0, 0, 0])
      })
  )
})

describe("a worker that goes", () => {
  it.effect("takes its session's calls along, and no others", () =>
    Effect.gen(function* () {
      const { die, hire, outcomes, submit } = yield* setUp()
      const a = hire("a")
      submit("1", { pinned: a })
      submit("2", { pinned: a })
      submit("3")
      die(a)
      submit("4", { pinned: a })
      assert.deepStrictEqual(
        [...outcomes],
        [
          ["2", "SessionError lost"],
          ["1", "WorkerLost exit"],
          ["4", "SessionError lost"]
        ]
      )
      const b = hire("b")
      assert.deepStrictEqual(b.given, ["3"])
    })
  )

  it.effect("when it only drains, is passed over", () =>
    Effect.gen(function* () {
      const { hire, submit } = yield* setUp()
      const [a, b] = [hire("a"), hire("b")]
      a.drain()
      submit("1")
      assert.deepStrictEqual([a.given, b.given], [[], ["1"]])
    })
  )
})

const gone = (target: string) =>
  new PoolUnavailable({ reason: "crash-loop", target, retryAfter: Duration.seconds(1), detail: "all died" })

describe("a pool without workers", () => {
  it.effect(
    "lets calls wait, until it is said that none will come; then they fail at once, until one comes",
    () =>
      Effect.gen(function* () {
        const { die, dispatcher, hire, outcomes, submit } = yield* setUp()
        submit("1")
        assert.strictEqual(outcomes.size, 0)
        dispatcher.setUnavailable(gone)
        assert.strictEqual(outcomes.get("1"), "PoolUnavailable crash-loop")
        submit("2")
        assert.strictEqual(outcomes.get("2"), "PoolUnavailable crash-loop")
        dispatcher.setUnavailable(undefined)
        const a = hire("a")
        submit("3")
        assert.deepStrictEqual(a.given, ["3"])
        dispatcher.setUnavailable(gone)
        submit("4")
        assert.isFalse(outcomes.has("4"), "one still lives")
        die(a)
        submit("5")
        assert.strictEqual(outcomes.get("5"), "PoolUnavailable crash-loop")
      })
  )

  it.effect("tells those who wait for a change of each once, though they wait for the next one at once", () =>
    Effect.gen(function* () {
      const { dispatcher } = yield* setUp()
      let seen = 0
      const again: Effect.Effect<void> = Effect.suspend(() =>
        ++seen < 100 ? Effect.andThen(dispatcher.change, again) : Effect.void
      )
      yield* Effect.forkScoped(again, { startImmediately: true })
      dispatcher.setUnavailable(undefined)
      dispatcher.setUnavailable(undefined)
      assert.strictEqual(seen, 3)
    })
  )

  it.effect("that is closed refuses what waits and what comes", () =>
    Effect.gen(function* () {
      const { dispatcher, hire, outcomes, submit } = yield* setUp()
      const a = hire("a")
      submit("1", { pinned: a })
      submit("2", { pinned: a })
      submit("3")
      dispatcher.close()
      submit("4")
      assert.deepStrictEqual(
        ["2", "3", "4"].map((name) => outcomes.get(name)),
        Array.from({ length: 3 }, () => "PoolUnavailable closed")
      )
      assert.isFalse(outcomes.has("1"))
    })
  )
})

describe("calls are sent ahead to a busy worker", () => {
  it.effect("only when none has room, to the one with the least to do, as many as it has to spare", () =>
    Effect.gen(function* () {
      const { answer, dispatcher, hire, outcomes, submit } = yield* setUp()
      const [a, b] = [hire("a", 1, 2), hire("b", 1, 1)]
      for (const name of ["1", "2", "3", "4", "5", "6"]) submit(name)
      assert.deepStrictEqual(
        [a.given, b.given],
        [
          ["1", "3", "5"],
          ["2", "4"]
        ]
      )
      assert.deepStrictEqual([dispatcher.running(), dispatcher.queued()], [2, 4])
      answer(b)
      assert.deepStrictEqual(b.given, ["2", "4", "6"])
      for (let round = 0; round < 3; round++) for (const worker of [a, b]) answer(worker)
      assert.strictEqual(outcomes.size, 6)
    })
  )

  it.effect("one that comes back goes to whoever has room, or waits where it came from", () =>
    Effect.gen(function* () {
      const { answer, comeBack, hire, outcomes, submit } = yield* setUp()
      const [a, b] = [hire("a", 1, 1), hire("b")]
      for (const name of ["1", "2", "3", "4"]) submit(name)
      assert.deepStrictEqual([a.given, b.given], [["1", "3"], ["2"]])
      comeBack(a, "3")
      answer(b)
      assert.deepStrictEqual(b.given, ["2", "3"], "before 4, which came later")
      answer(b)
      assert.deepStrictEqual(b.given, ["2", "3", "4"])
      answer(b)
      submit("5")
      submit("6")
      assert.deepStrictEqual([a.given.at(-1), b.given.at(-1)], ["6", "5"])
      answer(b)
      comeBack(a, "6")
      assert.strictEqual(b.given.at(-1), "6", "at once, since there is room")
      assert.isFalse(outcomes.has("6"))
    })
  )

  it.effect("a session's calls are not, and those that came later wait behind them", () =>
    Effect.gen(function* () {
      const { answer, hire, submit } = yield* setUp()
      const a = hire("a", 1, 4)
      submit("1")
      submit("2", { pinned: a })
      submit("3")
      assert.deepStrictEqual(a.given, ["1"])
      answer(a)
      assert.deepStrictEqual(a.given, ["1", "2", "3"])
    })
  )

  it.effect("a death costs them nothing: they go to another worker", () =>
    Effect.gen(function* () {
      const { answer, die, hire, outcomes, submit } = yield* setUp()
      const a = hire("a", 1, 4)
      for (const name of ["1", "2", "3"]) submit(name)
      die(a)
      assert.deepStrictEqual([...outcomes], [["1", "WorkerLost exit"]])
      const b = hire("b")
      answer(b)
      answer(b)
      assert.deepStrictEqual([...outcomes].slice(1), [
        ["2", "value ok"],
        ["3", "value ok"]
      ])
    })
  )

  it.effect("the limits of their wait hold there, and their deadline as they run", () =>
    Effect.gen(function* () {
      const { answer, hire, outcomes, submit } = yield* setUp({ timeout: 100 })
      const a = hire("a", 1, 4)
      submit("1")
      submit("2", { deadline: 50 })
      submit("3")
      submit("4", { deadline: 300 })
      yield* TestClock.adjust(50)
      assert.strictEqual(outcomes.get("2"), "DeadlineExceeded waiting")
      assert.deepStrictEqual(a.cancelled, ["2"])
      a.take("2")
      answer(a)
      answer(a)
      yield* TestClock.adjust(100)
      assert.isFalse(outcomes.has("4"), "it runs, so its wait is over")
      yield* TestClock.adjust(150)
      assert.strictEqual(outcomes.get("4"), "DeadlineExceeded running")
      assert.deepStrictEqual(a.cancelled, ["2", "4"])
    })
  )

  it.effect("one whose caller leaves is called off", () =>
    Effect.gen(function* () {
      const { dispatcher, hire, outcomes, submit } = yield* setUp()
      const a = hire("a", 1, 4)
      submit("1")
      dispatcher.abandon(submit("2"))
      assert.deepStrictEqual(a.cancelled, ["2"])
      a.take("2")?.settle({ _tag: "NotBegun" }).resume()
      assert.deepStrictEqual([outcomes.size, dispatcher.queued()], [0, 0])
    })
  )
})

it.effect(
  "under a random mix of all of it, every call is settled at most once, and nothing is left behind",
  () =>
    Effect.gen(function* () {
      const { answer, comeBack, die, dispatcher, hire, outcomes, submit, timers } = yield* setUp({
        limit: 20,
        timeout: 300,
        limits: { few: 2 }
      })
      let seed = 11
      // The low bits of such a generator go round in small circles: only the high ones are used.
      const random = (below: number): number =>
        Math.floor(((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31) * below)
      const staff: Array<FakeWorker> = [hire("0")]
      const requests: Array<Request> = []
      const left = new Set<string>()
      const sessionOf = new Map<string, string>()
      let session: string | undefined
      let most = 0
      for (let step = 0; step < 10_000; step++) {
        let few = 0
        for (const { calls } of staff) {
          if (calls.size === 0) continue
          const given = [...calls.values()]
          const keys = given.flatMap(({ name }) => sessionOf.get(name) ?? [])
          assert.strictEqual(new Set(keys).size, keys.length, "the calls of a session run one at a time")
          few += given.filter(({ assignment }) => assignment.target === "few").length
        }
        assert.isAtMost(few, 2)
        most = Math.max(most, few)
        const worker = staff[random(staff.length)]
        const request = requests[random(requests.length + 1)]
        switch (random(8)) {
          case 0:
          case 1:
          case 2:
            session = random(3) === 0 ? `${random(3)}` : undefined
            if (session !== undefined) sessionOf.set(`${step}`, session)
            requests.push(
              submit(`${step}`, {
                ...(session !== undefined && worker !== undefined ? { pinned: worker, session } : {}),
                ...(random(3) === 0 ? { deadline: random(200) } : {}),
                ...(random(3) === 0 ? { key: `${random(4)}`, priority: random(3) } : {}),
                ...(session === undefined && random(4) === 0 ? { target: "few" } : {})
              })
            )
            break
          case 3:
          case 4:
            if (worker !== undefined && worker.load() > 0 && random(5) > 0)
              answer(worker, [...worker.calls.values()][random(worker.running())]?.name)
            else if (worker !== undefined && worker.load() > worker.running())
              comeBack(worker, [...worker.calls.values()].at(-1)?.name ?? "")
            break
          case 5:
            if (request !== undefined && request.place._tag !== "Settled") {
              left.add(nameOf(request))
              dispatcher.abandon(request)
            }
            break
          case 6:
            yield* TestClock.adjust(random(20))
            break
          default:
            if (worker !== undefined && worker.now !== "terminated" && random(10) === 0) die(worker)
            if (staff.filter((one) => one.now !== "terminated").length < 3)
              staff.push(random(2) === 0 ? hire(`${step}`, 1 + random(4)) : hire(`${step}`, 1, random(4)))
        }
      }
      yield* TestClock.adjust(1_000)
      while (staff.some((worker) => worker.load() > 0)) {
        for (const worker of staff) if (worker.load() > 0) answer(worker)
      }
      for (const worker of staff) {
        for (const key of ["0", "1", "2"]) {
          const steps = worker.given.filter((name) => sessionOf.get(name) === key).map(Number)
          assert.deepStrictEqual(
            steps,
            steps.toSorted((a, b) => a - b),
            "the calls of a session run in order"
          )
        }
      }
      for (const request of requests) {
        const name = nameOf(request)
        assert.strictEqual(outcomes.has(name), !left.has(name), name)
      }
      assert.deepStrictEqual([dispatcher.queued(), dispatcher.running(), timers.size()], [0, 0, 0])
      assert.isAbove(new Set(outcomes.values()).size, 5)
      assert.strictEqual(most, 2)
    })
)
