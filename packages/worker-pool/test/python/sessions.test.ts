import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { pool, record, until, whole } from "../support.ts"

noLeaks()

it.live("a session keeps its object on one worker, and its calls in order", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ size: 3 })
    const session = yield* workers.session("a", "sample:Counter", [10])
    const where = yield* session.call("where")
    const values = yield* Effect.all(
      Array.from({ length: 50 }, () => session.call("add")),
      { concurrency: "unbounded" }
    )
    assert.strictEqual(yield* session.call("where"), where)
    assert.deepStrictEqual(
      values,
      values.map((_, index) => 11 + index)
    )
  })
)

it.live("sessions are spread over the workers, and do not see each other", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ size: 2 })
    // The second worker may still be starting, and is given its share only when it is there.
    yield* whole(workers, 2)
    const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
      workers.session(key, "sample:Counter", [])
    )
    assert.deepStrictEqual(
      (yield* workers.snapshot).workers.map((worker) => worker.sessions),
      [2, 2]
    )
    for (const [index, session] of sessions.entries())
      yield* session.call("add", [], { kwargs: { by: index } })
    assert.deepStrictEqual(
      yield* Effect.forEach(sessions, (session) => session.call("add", [0])),
      [0, 1, 2, 3]
    )
  })
)

it.live(
  "a session whose worker dies is lost: the call in flight may have run, later ones say so, and others are untouched",
  () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2 })
      yield* whole(workers, 2)
      const events = yield* record(workers)
      const [first, second] = yield* Effect.all([
        workers.session("first", "sample:Counter"),
        workers.session("second", "sample:Counter")
      ])
      const [lost, waiting] = yield* Effect.all(
        [Effect.flip(first.call("die")), Effect.flip(first.call("add"))],
        {
          concurrency: 2
        }
      )
      assert.strictEqual(lost._tag, "WorkerLost")
      assert.strictEqual(waiting._tag === "SessionError" && waiting.reason, "lost")
      const later = yield* Effect.flip(first.call("add"))
      assert.strictEqual(later._tag === "SessionError" && later.reason, "lost")
      assert.strictEqual(yield* second.call("add"), 1)
      yield* until("the event", () => events.some((event) => event._tag === "SessionLost"))
      assert.strictEqual(events.filter((event) => event._tag === "SessionLost").length, 1)
      // Its key is free again.
      const again = yield* workers.session("first", "sample:Counter", [5])
      assert.strictEqual(yield* again.call("add"), 6)
    })
)

it.live("a session ends with its scope: its object is closed, its key is free, and its handle says so", () =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const events = yield* record(workers)
    const scope = yield* Scope.make()
    const session = yield* Scope.provide(workers.session("a", "sample:Counter", [3]), scope)
    const taken = yield* Effect.flip(workers.session("a", "sample:Counter"))
    assert.strictEqual(taken._tag === "SessionError" && taken.reason, "exists")
    yield* Scope.close(scope, Exit.void)
    const error = yield* Effect.flip(session.call("add"))
    assert.strictEqual(error._tag === "SessionError" && error.reason, "closed")
    yield* until("close()", () =>
      events.some((event) => event._tag === "Output" && event.line === "closed at 3")
    )
    assert.strictEqual((yield* workers.snapshot).sessions, 0)
    yield* workers.session("a", "sample:Counter")
  })
)

it.live(
  "a session's user does not wait for a worker that is busy with something else; it is told later",
  () =>
    Effect.gen(function* () {
      const workers = yield* pool({ shutdownTimeout: "200 millis" })
      const scope = yield* Scope.make()
      yield* Scope.provide(workers.session("a", "sample:Clinging"), scope)
      const busy = yield* Effect.forkChild(workers.call("sample:sleep", [60]), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(busy.pollUnsafe())
      yield* Fiber.interrupt(busy)
      assert.strictEqual(yield* workers.call("sample:clinging"), 0)
    })
)

it.live(
  "the end of a session is told to its worker however full the queue is, and however long it takes",
  () =>
    Effect.gen(function* () {
      const workers = yield* pool({ queue: { limit: 0, timeout: "100 millis" } })
      const scope = yield* Scope.make()
      yield* Scope.provide(workers.session("a", "sample:Clinging"), scope)
      yield* Effect.forkScoped(workers.call("sample:sleep", [0.5]), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* workers.call("sample:clinging"), 0)
    })
)

it.live("an object that does not close is given up, and does not hold up its user", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ shutdownTimeout: "200 millis" })
    const before = performance.now()
    yield* Effect.scoped(workers.session("a", "sample:Clinging", [], { kwargs: { close: 60 } }))
    assert.isBelow(performance.now() - before, 10_000)
  })
)

it.live("one that was made although its deadline had passed is closed again", () =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const error = yield* Effect.flip(
      workers.session("a", "sample:Clinging", [0.4], { deadline: "100 millis" })
    )
    assert.strictEqual(error._tag, "DeadlineExceeded")
    assert.strictEqual((yield* workers.snapshot).sessions, 0)
    assert.strictEqual(yield* workers.call("sample:clinging"), 0)
  })
)

it.live("a class that cannot be made leaves no session behind", () =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const raised = yield* Effect.flip(workers.session("a", "sample:Counter", [1, 2, 3]))
    assert.strictEqual(raised._tag, "PythonError")
    const missing = yield* Effect.flip(workers.session("a", "sample:Nothing"))
    assert.strictEqual(missing._tag === "InvalidCall" && missing.reason, "target")
    assert.strictEqual((yield* workers.snapshot).sessions, 0)
    const session = yield* workers.session("a", "sample:Counter")
    const method = yield* Effect.flip(session.call("nothing"))
    assert.strictEqual(method._tag === "InvalidCall" && method.reason, "target")
    assert.strictEqual(yield* session.call("add"), 1)
  })
)
