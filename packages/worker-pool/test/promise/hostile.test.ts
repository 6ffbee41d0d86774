/** The promise façade in the hands of those who do all wrong: each gets an error that says what, and nothing is lost. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import {
  createPool,
  InvalidCall,
  PoolUnavailable,
  SessionError,
  WorkerLost
} from "@fireweed/worker-pool/promise"
import type { Pool, PoolOptions } from "@fireweed/worker-pool/promise"
import { inspect } from "node:util"

const script = {
  "app:ok": () => "ok",
  "app:hang": Behaviour.hang,
  "app:items": Behaviour.yields([1, 2, 3]),
  "app:stalls": Behaviour.yields([1], Behaviour.hang),
  "app:ask": Behaviour.callback(
    "ask",
    [],
    (value) => Behaviour.reply(value),
    (message) => Behaviour.reply(message)
  ),
  "app:Thing": () => ({ get: () => 1, hang: Behaviour.hang, items: Behaviour.yields([1, 2, 3]) })
}

const withPool = async (use: (pool: Pool) => Promise<void>, options: PoolOptions = {}): Promise<void> => {
  const mock = MockWorker.make(script)
  const pool = await createPool({ connect: mock.connect, size: 1, output: "ignore", ...options })
  const unhandled: Array<unknown> = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on("unhandledRejection", note)
  try {
    await use(pool)
  } finally {
    await pool.close()
    // They are told after all that runs now.
    await new Promise((resolve) => setImmediate(resolve))
    process.off("unhandledRejection", note)
  }
  assert.deepStrictEqual(unhandled, [])
  assert.deepStrictEqual(mock.processes(), [])
}

/** What became of it: its value, or what it was rejected with. */
const settled = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

/** Calls without types, as a program in JavaScript does; what it throws is a rejection. */
const loosely = (fn: (...args: Array<never>) => unknown, ...args: ReadonlyArray<unknown>): Promise<unknown> =>
  settled((async () => Reflect.apply(fn, undefined, args))())

const throwing = (name: string) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new RangeError(`read ${name}`)
    }
  })

const unreadable = Object.defineProperties(new Error("x"), {
  name: { value: Symbol("name") },
  message: {
    get: () => {
      throw new Error("message")
    }
  }
})

describe("options that make no sense are refused by name", () => {
  for (const [options, says] of [
    [null, /createPool: options must be .*not null/],
    [3, /options .*not number/],
    [[], /options .*not an array/],
    [() => 1, /options .*not function/],
    [{ callbacks: null }, /createPool: callbacks .*not null/],
    [{ callbacks: 3 }, /callbacks .*not number/],
    [{ closeOnSignals: null }, /closeOnSignals/],
    [throwing("size"), /read size/]
  ] as const)
    it(`createPool(${inspect(options)})`, async () =>
      assert.match(String(await loosely(createPool, options)), says))

  it("of a call, and nothing is called", () =>
    withPool(async (pool) => {
      const wrong: ReadonlyArray<readonly [unknown, RegExp]> = [
        [[], /^TypeError: pool\.call: options .*not an array/],
        [{ kwargs: new Map([["a", 1]]) }, /^TypeError: .*kwargs .*not a Map/],
        [{ kwargs: [1] }, /^TypeError: .*kwargs .*not an array/],
        [{ kwargs: "abc" }, /^TypeError: .*kwargs .*not string/],
        [{ kwargs: null }, /^TypeError: .*kwargs .*not null/],
        [{ idempotent: "yes" }, /^TypeError: .*idempotent .*not string/],
        [{ timeout: Object.create(null) }, /^TypeError: .*timeout .*not object/],
        [{ timeout: Symbol("x") }, /^TypeError: .*timeout .*not Symbol/],
        [{ result: 3 }, /^TypeError: .*result must be a function, not number/],
        [{ signal: new AbortController() }, /^TypeError: .*signal/],
        [throwing("kwargs"), /^RangeError: read kwargs/]
      ]
      for (const [options, says] of wrong)
        assert.match(String(await loosely(pool.call, "app:hang", [], options)), says)
      assert.match(
        String(await loosely(pool.stream, "app:items", [], { result: Number })),
        /no option result/
      )
      assert.strictEqual(await pool.call("app:ok"), "ok")
    }))
})

describe("what cannot be looked at", () => {
  const hostile = [unreadable, Object.create(null), undefined]

  it("thrown by `result`, is the call's error", () =>
    withPool(async (pool) => {
      for (const what of hostile) {
        const result = () => {
          throw what
        }
        assert.instanceOf(await settled(pool.call("app:ok", [], { result })), InvalidCall)
      }
    }))

  it("thrown by a callback, is raised in Python", () => {
    let what: unknown
    const ask = () => {
      throw what
    }
    return withPool(
      async (pool) => {
        for (what of hostile) assert.match(String(await pool.call("app:ask")), /^callback 'ask': Error: /)
        assert.strictEqual(await pool.call("app:ok"), "ok")
      },
      { callbacks: { ask } }
    )
  })
})

describe("a stream", () => {
  for (const signal of [undefined, new AbortController().signal]) {
    const with_ = signal === undefined ? "" : ", with a signal"

    it(`gives each item once to those who ask for several at once${with_}`, () =>
      withPool(async (pool) => {
        const items = pool.stream("app:items", [], { signal })[Symbol.asyncIterator]()
        const asked = await Promise.all([1, 2, 3, 4, 5].map(() => items.next()))
        assert.deepStrictEqual(
          asked.map(({ done, value }) => (done === true ? "done" : value)),
          [1, 2, 3, "done", "done"]
        )
      }))

    it(`ends for all who wait when it is left, before it began and by throw${with_}`, () =>
      withPool(async (pool) => {
        const items = pool.stream("app:stalls", [], { signal })[Symbol.asyncIterator]()
        await items.next()
        const waiting = Promise.all([items.next(), items.next()])
        assert.isTrue((await items.return?.())?.done)
        assert.deepStrictEqual(
          (await waiting).map(({ done }) => done),
          [true, true]
        )
        const unbegun = pool.stream("app:items", [], { signal })[Symbol.asyncIterator]()
        assert.isTrue((await unbegun.return?.())?.done)
        assert.isTrue((await unbegun.next()).done)
        const thrown = pool.stream("app:stalls", [], { signal })[Symbol.asyncIterator]()
        await thrown.next()
        assert.strictEqual(await settled(thrown.throw?.("mine") ?? Promise.resolve()), "mine")
        assert.strictEqual(await pool.call("app:ok"), "ok")
      }))
  }

  it("may be looped over twice at once: these are two calls", () =>
    withPool(async (pool) => {
      const items = pool.stream("app:items")
      assert.deepStrictEqual(await Promise.all([items.toArray(), items.toArray()]), [
        [1, 2, 3],
        [1, 2, 3]
      ])
    }))
})

describe("a signal", () => {
  it("with a reason that is no error, is what the call rejects with", () =>
    withPool(async (pool) => {
      for (const reason of [0, null, "why"]) {
        const controller = new AbortController()
        const call = settled(pool.call("app:hang", [], { signal: controller.signal }))
        controller.abort(reason)
        assert.strictEqual(await call, reason)
      }
    }))

  it("ends the wait for a `result` that never comes", () =>
    withPool(async (pool) => {
      const controller = new AbortController()
      const result = () => {
        controller.abort("enough")
        return new Promise(() => {})
      }
      const { signal } = controller
      assert.strictEqual(await settled(pool.call("app:ok", [], { signal, result })), "enough")
    }))

  it("that is aborted while a session opens, gives its key back", () =>
    withPool(async (pool) => {
      const controller = new AbortController()
      const opening = settled(pool.session("key", "app:Thing", [], { signal: controller.signal }))
      controller.abort("no")
      assert.strictEqual(await opening, "no")
      assert.strictEqual((await pool.session("key", "app:Thing")).key, "key")
    }))
})

describe("a pool that closes", () => {
  it("ends calls, streams and sessions, each with its error, however often it is asked to", () =>
    withPool(
      async (pool) => {
        const session = await pool.session("key", "app:Thing")
        const items = pool.stream("app:stalls")[Symbol.asyncIterator]()
        await items.next()
        const running = [settled(items.next()), settled(pool.call("app:hang")), settled(session.call("hang"))]
        await Promise.all([pool.close(), pool.close(), session.close(), session.close()])
        const [stream, ...calls] = await Promise.all(running)
        assert.instanceOf(stream, WorkerLost)
        for (const call of calls)
          assert.isTrue(
            call instanceof WorkerLost || call instanceof PoolUnavailable || call instanceof SessionError,
            inspect(call)
          )
        assert.instanceOf(await settled(session.call("get")), SessionError)
        assert.instanceOf(await settled(session.stream("items").toArray()), SessionError)
        assert.instanceOf(await settled(pool.call("app:ok")), PoolUnavailable)
        assert.instanceOf(await settled(pool.stream("app:items").toArray()), PoolUnavailable)
        assert.instanceOf(await settled(pool.session("other", "app:Thing")), PoolUnavailable)
        assert.deepStrictEqual([pool.snapshot().workers, pool.exports()], [[], {}])
      },
      { shutdownTimeout: 100, cancelGrace: 100 }
    ))

  it("is closed by its own callback, and takes the call along that waits for it", () => {
    let close: (() => Promise<void>) | undefined
    return withPool(
      async (pool) => {
        close = pool.close
        assert.instanceOf(await settled(pool.call("app:ask")), WorkerLost)
      },
      { callbacks: { ask: () => close?.() } }
    )
  })
})
