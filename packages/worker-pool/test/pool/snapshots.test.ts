/** When snapshots of sessions are made, where they are kept, and what becomes of calls when that fails; mock workers, virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { Fixture } from "@fireweed/test-kit"
import { Behaviour } from "@fireweed/test-kit/workers"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { readdirSync } from "node:fs"
import * as SessionStore from "../../src/pool/SessionStore.ts"
import { fork, heard, inTime, list, pooled, saved, storeOf, tagged, told } from "./lists.ts"

/** A class whose `snapshot` counts, and does what it is told to. */
const counting = () => {
  const seen = { snapshots: 0, fails: false }
  return {
    seen,
    script: {
      "app:Counting": (start?: ReadonlyArray<unknown>) => {
        const self = list(start)
        return {
          ...self,
          snapshot: () => {
            seen.snapshots++
            return seen.fails ? Behaviour.raise("TypeError", "no state") : self.snapshot()
          }
        }
      },
      "app:Plain": () => ({ get: () => 1 }),
      "app:Half": () => ({ get: () => 1, snapshot: () => 1 })
    }
  }
}

describe("a snapshot", () => {
  it.effect("after each call is the default; every n-th call, or an interval, make fewer", () =>
    Effect.gen(function* () {
      const { script, seen } = counting()
      const { kill, pool } = yield* pooled({}, script)
      const made = Effect.sync(() => {
        const { snapshots } = seen
        seen.snapshots = 0
        return snapshots
      })
      const each = yield* pool.session("each", "app:Counting", [], saved)
      assert.strictEqual(yield* made, 1, "when it is opened")
      for (const item of [1, 2, 3]) yield* each.call("add", [item])
      assert.strictEqual(yield* made, 3)

      const third = yield* pool.session("third", "app:Counting", [], { snapshots: { every: 3 } })
      yield* made
      for (const item of [1, 2, 3, 4, 5]) yield* third.call("add", [item])
      assert.strictEqual(yield* made, 1)
      yield* kill(third.worker)
      assert.deepStrictEqual(yield* inTime(third.call("add", [6])), [1, 2, 3, 6])
      yield* third.call("add", [7])
      assert.strictEqual(yield* made, 0)
      yield* third.call("add", [8])
      assert.strictEqual(yield* made, 1, "counted anew since it was restored")

      const timed = yield* pool.session("timed", "app:Counting", [], {
        snapshots: { interval: "10 seconds" }
      })
      yield* made
      yield* timed.call("add", [1])
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* made, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* made, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* made, 0, "none without a call")
      yield* timed.call("add", [2])
      yield* kill(timed.worker)
      assert.deepStrictEqual(yield* inTime(timed.call("get"), "1 second"), [1])
      yield* TestClock.adjust("20 seconds")
      yield* made
      yield* Stream.runDrain(Stream.take(timed.stream("each", [5, 6, 7], { credit: 1 }), 1))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* made, 1, "what was left in the middle has done something, too")
    })
  )

  it.effect("that raises fails the call of a session with one per call, which says that it ran", () =>
    Effect.gen(function* () {
      const { script, seen } = counting()
      const { events, kill, pool } = yield* pooled({}, script)
      const session = yield* pool.session("key", "app:Counting", [[0]], saved)
      seen.fails = true
      const error = yield* Effect.flip(session.call("add", [1]))
      assert.strictEqual(told(error), "SessionError snapshot maybe")
      assert.include(error.message, 'app:Counting.add (session "key")')
      assert.include(error.message, "TypeError: no state")
      assert.isEmpty(tagged(events, "SessionSnapshotFailed"))
      seen.fails = false
      assert.deepStrictEqual(
        yield* session.call("add", [2]),
        [0, 1, 2],
        "the session lives, and the call did run"
      )
      seen.fails = true
      yield* Effect.flip(session.call("add", [3]))
      yield* kill(session.worker)
      seen.fails = false
      assert.deepStrictEqual(yield* inTime(session.call("get")), [0, 1, 2], "what was not saved is gone")
    })
  )

  it.effect("that raises is told by an event where no call has to answer for it, and made at the next", () =>
    Effect.gen(function* () {
      const { script, seen } = counting()
      const { events, pool } = yield* pooled({}, script)
      const session = yield* pool.session("key", "app:Counting", [], {
        snapshots: { every: 2, interval: "1 hour" }
      })
      seen.fails = true
      for (const item of [1, 2]) yield* session.call("add", [item])
      yield* heard
      const [failed] = tagged(events, "SessionSnapshotFailed")
      assert.deepInclude(failed, { key: "key", worker: session.worker })
      assert.strictEqual(failed && told(failed.error), "SessionError snapshot maybe")
      const before = seen.snapshots
      yield* session.call("add", [3])
      assert.strictEqual(seen.snapshots, before + 1)
      yield* heard
      assert.strictEqual(tagged(events, "SessionSnapshotFailed").length, 2)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(tagged(events, "SessionSnapshotFailed").length, 3)
    })
  )

  it.effect("that cannot be carried fails as one that raises", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({}, { "app:Odd": () => ({ ...list(), snapshot: () => () => 1 }) })
      const error = yield* Effect.flip(Effect.scoped(pool.session("key", "app:Odd", [], saved)))
      assert.strictEqual(told(error), "SessionError snapshot maybe")
      assert.include(error.message, "snapshot is")
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
    })
  )

  it.effect("D65 cannot be asked of a class without snapshot and restore", () =>
    Effect.gen(function* () {
      const { script } = counting()
      const { pool } = yield* pooled({}, script)
      for (const [target, missing] of [
        ["app:Plain", "snapshot()"],
        ["app:Half", "restore()"]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(pool.session("key", target, [], saved)))
        assert.strictEqual(told(error), "InvalidCall target no")
        assert.include(error.message, missing)
      }
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
      assert.strictEqual(yield* (yield* pool.session("key", "app:Plain")).call("get"), 1)
    })
  )

  it.effect("D64 is asked for by options that make sense, or a defect names the one that does not", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      const refused = (options: unknown, name: string) =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(
            // @ts-expect-error what no type checker has seen
            Effect.scoped(pool.session("key", "app:List", [], options))
          )
          assert.isTrue(Exit.hasDies(exit), name)
          assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), name)
        })
      yield* refused({ onLoss: "restart" }, "onLoss")
      yield* refused({ onLoss: "remake", snapshots: {} }, "onLoss")
      yield* refused({ snapshots: { every: 0 } }, "every")
      yield* refused({ snapshots: { interval: "0 seconds" } }, "interval")
      yield* refused({ snapshots: { keeps: true } }, "keeps")
      yield* refused({ idempotent: true }, "idempotent")
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
    })
  )
})

describe("a store that fails", () => {
  it.effect("to take a snapshot fails the call, which says that it ran", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { events, kill, pool } = yield* pooled({ sessions: { store: shared.store } })
      const session = yield* pool.session("key", "app:List", [], saved)
      yield* session.call("add", [1])
      shared.faults.set = true
      const error = yield* Effect.flip(session.call("add", [2]))
      assert.strictEqual(told(error), "SessionError store maybe")
      assert.include(error.message, "the disk is full")
      assert.isEmpty(tagged(events, "SessionSnapshotFailed"))
      yield* kill(session.worker)
      shared.faults.set = false
      assert.deepStrictEqual(
        yield* inTime(session.call("add", [3])),
        [1, 3],
        "an update that nobody was promised"
      )
    })
  )

  it.effect("is told by an event where no call has to answer for it", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { events, pool } = yield* pooled({ sessions: { store: shared.store } })
      const session = yield* pool.session("key", "app:List", [], { snapshots: { every: 2 } })
      shared.faults.set = true
      yield* session.call("add", [1])
      assert.deepStrictEqual(yield* session.call("add", [2]), [1, 2])
      yield* heard
      assert.deepStrictEqual(
        tagged(events, "SessionSnapshotFailed").map(({ error }) => told(error)),
        ["SessionError store maybe"]
      )
    })
  )

  it.effect("when a session is opened leaves no session, and no object", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      let open = 0
      const { pool } = yield* pooled(
        { sessions: { store: shared.store } },
        {
          "app:Open": () => {
            open++
            return { ...list(), close: () => void open-- }
          }
        }
      )
      for (const [fault, expected] of [
        ["set", "SessionError store maybe"],
        ["remove", "SessionError restore no"]
      ] as const) {
        shared.faults[fault] = true
        const error = yield* Effect.flip(Effect.scoped(pool.session("key", "app:Open", [], saved)))
        assert.strictEqual(told(error), expected)
        shared.faults[fault] = false
      }
      shared.faults.get = true
      const unread = pool.session("key", "app:Open", [], { snapshots: { keep: true } })
      assert.strictEqual(told(yield* Effect.flip(Effect.scoped(unread))), "SessionError restore no")
      assert.deepStrictEqual([open, (yield* pool.snapshot).sessions], [0, 0])
    })
  )

  it.effect("and holds up an answer is waited for, and its session is restored only then", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const slow = {
        ...shared.store,
        set: (key: string, value: string | Uint8Array) =>
          Effect.andThen(Effect.sleep("1 second"), shared.store.set(key, value))
      }
      const { events, kill, pool } = yield* pooled({ sessions: { store: slow } })
      const session = yield* inTime(pool.session("key", "app:List", [], saved), "1 second")
      const call = yield* fork(session.call("add", [1]))
      yield* TestClock.adjust(500)
      assert.isUndefined(call.pollUnsafe(), "not before it is stored")
      yield* kill(session.worker)
      yield* TestClock.adjust(100)
      assert.isEmpty(tagged(events, "SessionRestored"))
      yield* TestClock.adjust(400)
      assert.deepStrictEqual(call.pollUnsafe(), Exit.succeed([1]))
      assert.deepStrictEqual(yield* session.call("get").pipe((call) => inTime(call, "2 seconds")), [1])
    })
  )
})

describe("what is kept", () => {
  const kept = { snapshots: { keep: true } } as const
  const rarely = { snapshots: { every: 100, keep: true } } as const

  it.effect("is there for the next session of the key, as it was when the last one was closed", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { events, pool } = yield* pooled({ sessions: { store: shared.store } })
      yield* Effect.scoped(
        Effect.flatMap(pool.session("key", "app:List", [[0]], rarely), (session) => session.call("add", [1]))
      )
      assert.deepStrictEqual((yield* shared.keys).toSorted(), ["0/app:List/key", "1/app:List/key"])
      const again = yield* pool.session("key", "app:List", [["not asked for"]], rarely)
      assert.deepStrictEqual(yield* again.call("get"), [0, 1])
      yield* heard
      assert.deepStrictEqual(
        tagged(events, "SessionOpened").map(({ kept }) => kept),
        [false, true]
      )
    })
  )

  it.effect("D68 is another key's for none, and another class's for none; without keep it is dropped", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { pool } = yield* pooled({ sessions: { store: shared.store } }, { "app:Other": list })
      const use = (key: string, target: string, options: typeof kept | typeof saved) =>
        Effect.scoped(
          Effect.flatMap(pool.session(key, target, [], options), (session) =>
            session.call("add", [`${target} ${key}`])
          )
        )
      const rows = Effect.map(shared.keys, (keys) => [...new Set(keys.map((key) => key.slice(2)))].toSorted())
      yield* use("a", "app:List", kept)
      assert.deepStrictEqual(yield* use("b", "app:List", kept), ["app:List b"])
      assert.deepStrictEqual(yield* use("a", "app:Other", kept), ["app:Other a"])
      assert.deepStrictEqual(yield* rows, ["app:List/a", "app:List/b", "app:Other/a"])
      assert.deepStrictEqual(yield* use("a", "app:List", saved), ["app:List a"], "it began anew")
      assert.deepStrictEqual(yield* rows, ["app:List/b", "app:Other/a"])
    })
  )

  it.effect("lives on in files, for another pool", () =>
    Effect.gen(function* () {
      const { value: folder } = yield* Fixture.temporaryFolder()
      const store = Effect.map(
        Layer.build(Layer.provide(KeyValueStore.layerFileSystem(folder), NodeServices.layer)),
        (context) => Context.get(context, KeyValueStore.KeyValueStore)
      )
      const program = Effect.gen(function* () {
        const { pool } = yield* pooled({ sessions: { store: yield* store } })
        const session = yield* pool.session("user/42", "app:List", [], kept)
        return yield* session.call("add", [
          yield* Effect.map(session.call("get"), (all) => Array.isArray(all) && all.length)
        ])
      })
      assert.deepStrictEqual(yield* Effect.scoped(program), [0])
      assert.deepStrictEqual(readdirSync(folder).toSorted(), [
        "0%2Fapp%3AList%2Fuser%2F42",
        "1%2Fapp%3AList%2Fuser%2F42"
      ])
      assert.deepStrictEqual(yield* Effect.scoped(program), [0, 1])
    })
  )

  it.effect("and cannot be read is told when the session is opened; nothing is overwritten", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      yield* shared.store.set("0/app:List/key", new Uint8Array([1, 2, 3]))
      const { pool } = yield* pooled({ sessions: { store: shared.store } })
      const error = yield* Effect.flip(Effect.scoped(pool.session("key", "app:List", [], kept)))
      assert.strictEqual(told(error), "SessionError restore no")
      assert.include(error.message, "cut short")
      assert.deepStrictEqual(yield* shared.store.getUint8Array("0/app:List/key"), new Uint8Array([1, 2, 3]))
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
    })
  )

  it.effect("stays when the session is lost, and when it expires it is stored once more", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { pool } = yield* pooled({ sessions: { store: shared.store, idleTimeout: "1 minute" } })
      const session = yield* pool.session("key", "app:List", [], rarely)
      yield* session.call("add", [1])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(told(yield* Effect.flip(session.call("get"))), "SessionError expired no")
      const again = yield* pool.session("key", "app:List", [], rarely)
      assert.deepStrictEqual(yield* again.call("get"), [1])
    })
  )

  it.effect("is told by an event if it could not be stored once more", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { events, pool } = yield* pooled({ sessions: { store: shared.store } })
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.session("key", "app:List", [], rarely), scope)
      shared.faults.set = true
      yield* Scope.close(scope, Exit.void)
      yield* heard
      assert.strictEqual(tagged(events, "SessionSnapshotFailed").length, 1)
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
    })
  )
})

const bytes = (text: string) => new TextEncoder().encode(text)

describe("two rows of a session are written in turn", () => {
  it.effect("so that a write which is cut short harms nothing that was there before", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      let cut = false
      const store = {
        ...shared.store,
        set: (key: string, value: string | Uint8Array) =>
          cut
            ? Effect.andThen(shared.store.set(key, value.slice(0, -1)), Effect.interrupt)
            : shared.store.set(key, value)
      }
      const row = SessionStore.row(store, "app:List", "key")
      assert.isUndefined(yield* row.load)
      for (const state of ["one", "two", "three"]) {
        yield* row.save(bytes(state))
        assert.deepStrictEqual(yield* row.load, bytes(state))
        cut = true
        yield* Effect.exit(row.save(bytes("lost")))
        cut = false
        assert.deepStrictEqual(yield* SessionStore.row(store, "app:List", "key").load, bytes(state))
      }
      yield* row.drop
      assert.deepStrictEqual(yield* shared.keys, [])
    })
  )
})
