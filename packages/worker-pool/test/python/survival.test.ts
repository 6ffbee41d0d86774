/** Sessions that survive their worker, in real Python: what a state keeps, and the ways to restore it. */
import { assert, it } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { folder, pool, whole } from "../support.ts"

noLeaks()

const saved = { snapshots: {} } as const
const kept = { snapshots: { keep: true } } as const

const told = (error: CallError.CallError) => `${error._tag} ${error.reason} ${error.started}`

/** Kills its worker, and waits until it lives on another. */
const struck = (session: WorkerPool.Session) =>
  Effect.gen(function* () {
    const { epoch } = session
    assert.strictEqual(told(yield* Effect.flip(session.call("kill"))), "WorkerLost signal maybe")
    yield* session.call("__len__").pipe(Effect.ignore)
    assert.isAbove(session.epoch, epoch)
  })

/** Three calls at once. */
const adds = (session: WorkerPool.Session) =>
  Effect.all(
    [1, 2, 3].map((by) => session.call("add", [by], { idempotent: true })),
    { concurrency: "unbounded" }
  )

/** One call of a session that is kept. */
const use = (workers: WorkerPool.WorkerPool) =>
  Effect.scoped(
    Effect.flatMap(workers.session("user-42", "saving:Ledger", ["first"], kept), (session) =>
      session.call("add", ["more"])
    )
  )

it.live("D11 a state comes back from SIGKILL as Python made it, by each way to restore it", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ size: 2 })
    yield* whole(workers, 2)

    const ledger = yield* workers.session("ledger", "saving:Ledger", ["a", "b"], saved)
    yield* ledger.call("odd")
    yield* ledger.call("add", [[1]])
    const before = yield* ledger.call("shape", [], {})
    yield* struck(ledger)
    const after = yield* ledger.call("shape", [], {})
    assert.deepStrictEqual(
      [before, after],
      [
        [
          "str",
          "str",
          "tuple",
          "set",
          "frozenset",
          "bytes",
          "int",
          "OrderedDict",
          "Point",
          "dict",
          "list",
          1
        ],
        ["str", "str", "tuple", "set", "frozenset", "bytes", "int", "OrderedDict", "Point", "dict", "list", 0]
      ],
      "tuples stay tuples, and __init__ was not called"
    )

    const made = yield* workers.session("made", "saving:Made", [5], saved)
    assert.deepStrictEqual(yield* made.call("next"), [6, 1])
    yield* struck(made)
    assert.deepStrictEqual(yield* made.call("next"), [7, 1])

    const waiting = yield* workers.session("waiting", "saving:Waiting", [], saved)
    yield* waiting.call("add", [2])
    yield* struck(waiting)
    assert.strictEqual(yield* waiting.call("add", [3]), 5)

    const factory = yield* workers.session("factory", "saving:opened", ["now"], saved)
    yield* factory.call("add", ["later"])
    yield* struck(factory)
    assert.strictEqual(yield* factory.call("add", ["after"]), 4)
    assert.deepStrictEqual(yield* factory.call("shape"), ["str", "str", "str", "str", 1])

    const pickled = yield* workers.session("pickled", "saving:Pickled", [], saved)
    assert.deepStrictEqual(yield* pickled.call("count"), [2, true])
    yield* struck(pickled)
    assert.deepStrictEqual(yield* pickled.call("count"), [3, true])

    // A megabyte and more goes the same way.
    yield* ledger.call("grow", [3_000_000])
    yield* struck(ledger)
    assert.strictEqual(yield* ledger.call("add", ["end"]), 13)

    // What cannot be carried is told, with the path to it.
    const error = yield* Effect.flip(ledger.call("break_state"))
    assert.strictEqual(told(error), "SessionError snapshot maybe")
    assert.include(error.message, "snapshot[13]")

    const half = yield* Effect.flip(Effect.scoped(workers.session("half", "saving:half", [], saved)))
    assert.strictEqual(told(half), "InvalidCall target maybe")
    assert.include(half.message, "half has no snapshot()")
  })
)

it.live("calls of many sessions at once, and snapshots that take their time, on one event loop", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ size: 2, concurrency: 8, codec: "json" })
    yield* whole(workers, 2)
    const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
      workers.session(key, "saving:Waiting", [], saved)
    )
    assert.deepStrictEqual(
      yield* Effect.forEach(sessions, adds, { concurrency: "unbounded" }),
      Array.from({ length: 4 }, () => [1, 3, 6])
    )
    const [first] = sessions
    if (first === undefined) return assert.fail("no session")
    yield* Effect.flip(first.call("kill"))
    assert.deepStrictEqual(
      yield* Effect.forEach(sessions, adds, { concurrency: "unbounded" }),
      Array.from({ length: 4 }, () => [7, 9, 12])
    )
    // The caller leaves while the snapshot is made; the session goes on.
    yield* Effect.exit(first.call("slow_snapshots", [60], { deadline: "100 millis" }))
    assert.strictEqual(
      (yield* Effect.flip(first.call("add", [1], { deadline: "100 millis" })))._tag,
      "DeadlineExceeded"
    )
  })
)

/** Which write a file is. */
const numberOf = (folder: string, file: string): number => readFileSync(join(folder, file)).readUInt32LE(0)

it.live("a state is kept in files, and comes back in the next program; one that is damaged is told", () =>
  Effect.gen(function* () {
    const files = yield* folder
    const open = Effect.gen(function* () {
      const context = yield* Layer.build(
        Layer.provide(KeyValueStore.layerFileSystem(files), NodeServices.layer)
      )
      return yield* pool({ sessions: { store: Context.get(context, KeyValueStore.KeyValueStore) } })
    })
    assert.strictEqual(yield* Effect.scoped(Effect.flatMap(open, use)), 2)
    const workers = yield* open
    assert.strictEqual(yield* use(workers), 3)
    // Two files, written in turn.
    const numbered = readdirSync(files).toSorted(
      (one, other) => numberOf(files, other) - numberOf(files, one)
    )
    const [last = "", before = ""] = numbered
    const whole = readFileSync(join(files, last))
    const older = readFileSync(join(files, before))
    const changed = Uint8Array.from(whole, (byte, index) => (index === whole.length - 3 ? byte ^ 1 : byte))
    for (const [name, data, why] of [
      [last, changed, "snapshot:"],
      [before, new Uint8Array(0), "snapshot:"],
      [last, whole.subarray(0, -1), "cut short"]
    ] as const) {
      writeFileSync(join(files, name), data)
      const error = yield* Effect.flip(use(workers))
      assert.strictEqual(told(error), "SessionError restore no")
      assert.include(error.message, why)
    }
    // The end of a program in the middle of a write takes nothing that was there before.
    writeFileSync(join(files, before), older)
    assert.strictEqual(yield* use(workers), 4)
  })
)
