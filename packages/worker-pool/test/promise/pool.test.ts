/** The promise façade with a real Python. No Effect in sight, as for its users. */
import { assert, describe, it } from "@effect/vitest"
import {
  createPool,
  InvalidCall,
  MapError,
  PoolUnavailable,
  PythonError,
  StartError
} from "@fireweed/worker-pool/promise"
import type { Pool, PoolOptions } from "@fireweed/worker-pool/promise"
import { Py } from "@fireweed/worker-pool/promise"
import { fixtures } from "../support.ts"

const root = fixtures

const withPool = async <A>(use: (pool: Pool) => Promise<A>, options: PoolOptions = {}): Promise<A> => {
  const pool = await createPool({ modules: ["./analysis.py"], root, size: 1, output: "ignore", ...options })
  try {
    return await use(pool)
  } finally {
    await pool.close()
  }
}

const number = (value: unknown): number => {
  if (typeof value === "number") return value
  throw new TypeError("no number")
}

const createLoosely = (options: unknown): Promise<unknown> => Reflect.apply(createPool, undefined, [options])

/** What a promise rejects with. */
const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  const settled = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error })
  )
  return "error" in settled ? settled.error : assert.fail(`it gave ${JSON.stringify(settled.value)}`)
}

const isGone = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && !process.kill(pid, 0)
  } catch {
    return true
  }
}

describe("call", () => {
  it("gives the value, with arguments by position and by name", () =>
    withPool(async (pool) => {
      assert.strictEqual(await pool.call("analysis:score", [[1, 2, 3]], { kwargs: { weight: 2 } }), 12)
      assert.strictEqual(await pool.call<string>("analysis:where"), "analysis")
      assert.strictEqual(await pool.call("math:gcd", [12, 18], { idempotent: true }), 6)
    }))

  it("rejects with an Error of the union that has Python's traceback", () =>
    withPool(async (pool) => {
      const error = await rejection(pool.call("analysis:fail", ["bad row"]))
      assert.instanceOf(error, PythonError)
      assert.instanceOf(error, Error)
      if (!(error instanceof PythonError)) throw error
      assert.strictEqual(error._tag, "PythonError")
      assert.include(error.message, "ValueError: bad row")
      assert.match(error.traceback, /analysis\.py", line \d+, in fail/)
    }))

  it("checks the result by any parser", () =>
    withPool(async (pool) => {
      const root: number = await pool.call("math:sqrt", [4], { result: number })
      assert.strictEqual(root, 2)
      const error = await rejection(pool.call("analysis:where", [], { result: number }))
      assert.instanceOf(error, InvalidCall)
      assert.deepInclude(error, { reason: "result" })
      assert.include(String(error), "no number")
    }))

  it("carries what JSON cannot", () =>
    withPool(async (pool) => {
      assert.strictEqual(await pool.call("builtins:pow", [10n, 30n]), 10n ** 30n)
      assert.strictEqual(
        String(await pool.call("operator:add", [Py.decimal("1.10"), Py.decimal("2")])),
        "3.10"
      )
    }))

  it("is cancelled in Python by its signal, and rejects with the reason", () => {
    const reason = new Error("the user has left")
    const controller = new AbortController()
    return withPool(
      async (pool) => {
        const call = pool.call("analysis:hold", ["begun"], { signal: controller.signal })
        assert.strictEqual(await rejection(call), reason)
        assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["hold"])
        assert.strictEqual(pool.snapshot().workers[0]?.id, "1.1")
      },
      { callbacks: { begun: () => controller.abort(reason) } }
    )
  })

  it("is not even made when its signal is aborted already", () =>
    withPool(async (pool) => {
      const error = await rejection(pool.call("analysis:nap", [60], { signal: AbortSignal.abort("no") }))
      assert.strictEqual(error, "no")
      assert.strictEqual(pool.snapshot().running, 0)
    }))

  it("rejects with the signal's own error when it is a timeout", () =>
    withPool(async (pool) => {
      const error = await rejection(pool.call("analysis:nap", [60], { signal: AbortSignal.timeout(20) }))
      assert.deepInclude(error, { name: "TimeoutError" })
    }))

  it("leaves nothing on a signal that lives longer", () =>
    withPool(async (pool) => {
      const { signal } = new AbortController()
      let listeners = 0
      const add = signal.addEventListener.bind(signal)
      const remove = signal.removeEventListener.bind(signal)
      signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => (
        listeners++,
        add(...args)
      )
      signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => (
        listeners--,
        remove(...args)
      )
      await pool.call("math:sqrt", [4], { signal })
      for await (const number of pool.stream<number>("analysis:count", [], { signal }))
        if (number === 3) break
      await pool.stream("builtins:iter", ["abc"], { signal }).toArray()
      for await (const _ of pool.stream("builtins:iter", ["abc"], { signal }));
      assert.strictEqual(listeners, 0)
    }))

  it("has a timeout for all of it", () =>
    withPool(async (pool) => {
      const error = await rejection(pool.call("analysis:nap", [60], { timeout: 30 }))
      assert.deepInclude(error, { _tag: "DeadlineExceeded", reason: "running" })
    }))

  it("refuses what makes no sense by name, and does not throw", () =>
    withPool(async (pool) => {
      const refused = (...args: ReadonlyArray<unknown>): Promise<unknown> =>
        rejection(Reflect.apply(pool.call, undefined, args))
      const cases: ReadonlyArray<readonly [ReadonlyArray<unknown>, string]> = [
        [[5], "the target must be text"],
        [["math:sqrt", 4], "args must be an array, not number"],
        [["math:sqrt", [4], null], "options must be an object, not null"],
        [["math:sqrt", [4], { timeOut: 5 }], "there is no option timeOut; is it timeout?"],
        [["math:sqrt", [4], { timeout: -1 }], "timeout must be a number of milliseconds, not -1"],
        [["math:sqrt", [4], { timeout: "1 second" }], "not 1 second"],
        [["math:sqrt", [4], { signal: {} }], "signal must be an AbortSignal"]
      ]
      for (const [args, message] of cases) {
        const error = await refused(...args)
        assert.instanceOf(error, TypeError)
        assert.include(String(error), `pool.call: `)
        assert.include(String(error), message)
      }
    }))
})

describe("stream", () => {
  it("gives items, and is closed in Python by break, by throw and by return", () =>
    withPool(async (pool) => {
      const seen: Array<number> = []
      for await (const number of pool.stream<number>("analysis:count")) {
        seen.push(number)
        if (number === 99) break
      }
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 100 }, (_, index) => index)
      )
      assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["count"])

      const thrown = new Error("mine")
      const loop = async (): Promise<void> => {
        for await (const _ of pool.stream("analysis:count")) throw thrown
      }
      assert.strictEqual(await rejection(loop()), thrown)
      assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["count"])
    }))

  it("does not run ahead of a slow loop", () =>
    withPool(async (pool) => {
      const source = pool.stream<number>("analysis:count", [], { credit: 4 })
      const iterator = source[Symbol.asyncIterator]()
      assert.deepStrictEqual(await iterator.next(), { done: false, value: 0 })
      assert.strictEqual(pool.snapshot().running, 1)
      await iterator.return?.()
      assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined })
      assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["count"])
    }))

  it("is a call of its own for each loop", () =>
    withPool(async (pool) => {
      const letters = pool.stream<string>("builtins:iter", ["ab"])
      assert.deepStrictEqual(await letters.toArray(), ["a", "b"])
      assert.deepStrictEqual(await letters.toArray(), ["a", "b"])
    }))

  it("rejects after the items before the error", () =>
    withPool(async (pool) => {
      const seen: Array<unknown> = []
      const loop = async (): Promise<void> => {
        for await (const item of pool.stream("analysis:broken", [3])) seen.push(item)
      }
      assert.instanceOf(await rejection(loop()), PythonError)
      assert.deepStrictEqual(seen, [0, 1, 2])
    }))

  it("ends with the reason of its signal, in the middle and before", () =>
    withPool(async (pool) => {
      const controller = new AbortController()
      const { signal } = controller
      let last = 0
      const loop = async (): Promise<void> => {
        for await (const number of pool.stream<number>("analysis:count", [], { signal })) {
          last = number
          if (number === 10) controller.abort("enough")
        }
      }
      assert.strictEqual(await rejection(loop()), "enough")
      assert.strictEqual(last, 10)
      assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["count"])
      assert.strictEqual(await rejection(loop()), "enough")
      assert.strictEqual(await rejection(pool.stream("analysis:count", [], { signal }).toArray()), "enough")
    }))

  it("ends with the reason of its signal while it waits for an item", () =>
    withPool(async (pool) => {
      const controller = new AbortController()
      const waiting = rejection(pool.stream("analysis:nap", [60], { signal: controller.signal }).toArray())
      const items = pool.stream("analysis:nap", [60], { signal: controller.signal })
      const next = rejection(items[Symbol.asyncIterator]().next())
      await untilRunning(pool)
      controller.abort("enough")
      assert.strictEqual(await waiting, "enough")
      assert.strictEqual(await next, "enough")
    }))
})

const slowly = async function* (): AsyncGenerator<number> {
  yield 16
  await Promise.resolve()
  yield 25
}

describe("map", () => {
  it("gives the results in order, of items from any iterable", () =>
    withPool(async (pool) => {
      assert.deepStrictEqual(await pool.map<number>("math:sqrt", [1, 4, 9]).toArray(), [1, 2, 3])
      assert.deepStrictEqual(
        await pool.map("builtins:len", new Set(["a", "bc"]), { chunk: 2 }).toArray(),
        [1, 2]
      )
      assert.deepStrictEqual(await pool.map("math:sqrt", slowly(), { concurrency: 1 }).toArray(), [4, 5])
      const calls = [{ args: [[1, 2]], kwargs: { weight: 3 } }, { args: [[5]] }]
      assert.deepStrictEqual(await pool.map("analysis:score", calls, { each: "call" }).toArray(), [9, 5])
    }))

  it("takes no more items than it needs, and closes them", () =>
    withPool(async (pool) => {
      const ends: Array<string> = []
      const endless = function* () {
        try {
          for (let n = 0; ; n++) yield n
        } finally {
          ends.push("sync")
        }
      }
      const later = async function* () {
        try {
          for (let n = 0; ; n++) yield n
        } finally {
          ends.push("async")
        }
      }
      for (const items of [endless(), later()]) {
        const seen: Array<number> = []
        for await (const root of pool.map<number>("math:sqrt", items)) if (seen.push(root) === 5) break
        assert.deepStrictEqual(seen, [0, 1, Math.SQRT2, Math.sqrt(3), 2])
      }
      assert.deepStrictEqual(ends, ["sync", "async"])
    }))

  it("rejects with the index and the reason, after the results before it", () =>
    withPool(async (pool) => {
      const seen: Array<unknown> = []
      const loop = async (): Promise<void> => {
        for await (const root of pool.map("math:sqrt", [1, 4, -1, 9], { chunk: 4 })) seen.push(root)
      }
      const error = await rejection(loop())
      assert.instanceOf(error, MapError)
      assert.instanceOf(error.reason, PythonError)
      assert.deepStrictEqual([seen, error.index, error.count], [[1, 2], 2, 1])
    }))

  it("rejects with what its items throw, or reject with", () =>
    withPool(async (pool) => {
      const thrown = new Error("mine")
      const throws = function* () {
        yield 1
        throw thrown
      }
      const rejects = async function* () {
        yield 1
        throw thrown
      }
      for (const items of [throws(), rejects()])
        assert.strictEqual(await rejection(pool.map("math:sqrt", items).toArray()), thrown)
    }))

  it("reads each result, and tells which one it cannot read", () =>
    withPool(async (pool) => {
      const roots: Array<number> = await pool.map("math:sqrt", [1, 4], { result: number }).toArray()
      assert.deepStrictEqual(roots, [1, 2])
      const read = async (value: unknown): Promise<string> => `read ${number(value)}`
      assert.deepStrictEqual(await pool.map("math:sqrt", [1], { result: read }).toArray(), ["read 1"])
      const error = await rejection(pool.map("builtins:str", [1, 2], { result: number }).toArray())
      assert.instanceOf(error, MapError)
      assert.deepStrictEqual([error.index, error.reason.reason], [0, "result"])
      assert.include(error.message, "no number")
    }))

  it("is cancelled by its signal and its timeout", () =>
    withPool(async (pool) => {
      const controller = new AbortController()
      const waiting = rejection(pool.map("analysis:nap", [60], { signal: controller.signal }).toArray())
      await untilRunning(pool)
      controller.abort("enough")
      assert.strictEqual(await waiting, "enough")
      assert.strictEqual(await pool.call("analysis:where"), "analysis")
      const late = await rejection(pool.map("analysis:nap", [60], { timeout: 50 }).toArray())
      assert.instanceOf(late, MapError)
      assert.strictEqual(late.reason._tag, "DeadlineExceeded")
    }))

  it("refuses what makes no sense", () =>
    withPool(async (pool) => {
      const loosely = (...args: ReadonlyArray<unknown>): unknown => Reflect.apply(pool.map, undefined, args)
      assert.throws(() => loosely("math:sqrt", 7), /pool.map: the items must be iterable, not number/)
      assert.throws(() => loosely("math:sqrt", null), /not null/)
      assert.throws(
        () => loosely("math:sqrt", [], { chunks: 2 }),
        /pool.map: there is no option chunks; is it chunk/
      )
      assert.throws(() => loosely(7, []), /pool.map: the target/)
      assert.instanceOf(await rejection(pool.map("math:sqrt", [1], { chunk: 0 }).toArray()), TypeError)
    }))
})

describe("session", () => {
  it("keeps its object, streams, and closes it once", () =>
    withPool(async (pool) => {
      const tally = await pool.session("one", "analysis:Tally", [2])
      assert.strictEqual(await tally.call("add", [1]), 3)
      assert.deepStrictEqual(await tally.stream("upTo").toArray(), [0, 1, 2])
      await Promise.all([tally.close(), tally.close(), tally[Symbol.asyncDispose]()])
      assert.deepStrictEqual(await pool.call("analysis:take_closed"), ["tally"])
      assert.deepInclude(await rejection(tally.call("add", [1])), { _tag: "SessionError", reason: "closed" })
      const again = await pool.session("one", "analysis:Tally", [5])
      assert.strictEqual(await again.call("add", [1]), 6)
    }))

  it("gives its key back when it could not be opened", () =>
    withPool(async (pool) => {
      assert.instanceOf(await rejection(pool.session("one", "analysis:Tally")), PythonError)
      assert.strictEqual(await (await pool.session("one", "analysis:Tally", [1])).call("add", [1]), 2)
      assert.deepInclude(await rejection(pool.session("one", "analysis:Tally", [1])), { reason: "exists" })
    }))

  it("survives its worker, if it is told to; and says what of its options makes no sense", () =>
    withPool(
      async (pool) => {
        const ledger = await pool.session("one", "saving:Ledger", ["a"], { snapshots: {} })
        const { epoch, worker } = ledger
        assert.strictEqual(await ledger.call("add", ["b"]), 2)
        assert.deepInclude(await rejection(ledger.call("kill")), { _tag: "WorkerLost", started: "maybe" })
        assert.strictEqual(await ledger.call("add", ["c"], { idempotent: true }), 3)
        assert.notStrictEqual(ledger.worker, worker)
        assert.isAbove(ledger.epoch, epoch)
        await ledger.close()
        const looselyOpened = (options: unknown): Promise<unknown> =>
          Reflect.apply(pool.session, undefined, ["two", "saving:Ledger", [], options])
        for (const [options, name] of [
          [{ snapshots: { every: 0 } }, "every"],
          [{ onLoss: "restore" }, "onLoss"],
          [{ snapshot: {} }, "snapshots"]
        ] as const) {
          const error = await rejection(looselyOpened(options))
          assert.instanceOf(error, TypeError)
          assert.include(error.message, name)
        }
      },
      { pythonPath: ["."] }
    ))
})

describe("callbacks", () => {
  it("may be async, and fail", () =>
    withPool(
      async (pool) => {
        assert.strictEqual(await pool.call("analysis:twice", ["double"]), 6)
        const error = await rejection(pool.call("analysis:twice", ["refuse"]))
        assert.include(String(error), "RangeError: not here")
      },
      {
        callbacks: {
          double: async (number: number) => 2 * number,
          refuse: async () => {
            throw new RangeError("not here")
          }
        }
      }
    ))

  it("are refused a call that would wait for them", () => {
    let again: ((number: number) => Promise<unknown>) | undefined
    return withPool(
      async (pool) => {
        again = async (number) => pool.call("math:sqrt", [number])
        const error = await rejection(pool.call("analysis:twice", ["again"]))
        assert.include(String(error), "InvalidCall")
      },
      { callbacks: { again: (number: number) => again?.(number) } }
    )
  })
})

describe("broadcast", () => {
  it("tells what each worker said, and the one that comes later", () =>
    withPool(
      async (pool) => {
        const answers = await pool.broadcast("random:seed", [42], { key: "seed", timeout: 10_000 })
        assert.isAtLeast(answers.length, 1)
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          answers.map(() => "fulfilled")
        )
        await rejection(pool.call("os:_exit", [1]))
        assert.strictEqual(await pool.call("random:randrange", [1_000]), 654)
        const [refused] = await pool.broadcast("analysis:fail", ["bad row"])
        assert.isTrue(refused?.status === "rejected" && refused.reason instanceof PythonError)
        const [parsed] = await pool.broadcast("analysis:where", [], { remember: false, result: number })
        assert.isTrue(parsed?.status === "rejected" && parsed.reason instanceof InvalidCall)
      },
      { size: 1 }
    ))

  it("refuses what makes no sense by name", () =>
    withPool(async (pool) => {
      for (const [options, name] of [
        [{ key: "" }, "key"],
        [{ remember: "yes" }, "remember"],
        [{ timeout: -1 }, "timeout"],
        [{ idempotent: true }, "idempotent"]
      ] as const) {
        const error = await rejection(
          Reflect.apply(pool.broadcast, undefined, ["analysis:where", [], options])
        )
        assert.instanceOf(error, TypeError)
        assert.include(String(error), name)
      }
    }))
})

describe("drain", () => {
  it("lets what is in hand come to its end, refuses what is new, and tells what is left", () =>
    withPool(async (pool) => {
      const slow = pool.call("time:sleep", [0.2])
      const draining = pool.drain({ timeout: 30_000 })
      const refused = await rejection(pool.call("analysis:where"))
      assert.isTrue(refused instanceof PoolUnavailable && refused.reason === "draining")
      assert.deepStrictEqual(await draining, { completed: 1, abandoned: 0 })
      await slow
    }))

  it("comes before the end, if close is told so", async () => {
    const pool = await createPool({ size: 1, output: "ignore" })
    const slow = pool.call("time:sleep", [0.2])
    await pool.close({ drain: 30_000 })
    assert.isNull(await slow)
  })
})

describe("close", () => {
  it("D1 is the same promise each time, ends the workers, and refuses what comes after", async () => {
    const pool = await createPool({
      modules: ["./analysis.py"],
      root,
      size: 2,
      output: "ignore",
      shutdownTimeout: 300
    })
    const tally = await pool.session("one", "analysis:Tally", [1])
    const pids = pool.snapshot().workers.map(({ pid }) => pid)
    const running = rejection(pool.call("analysis:nap", [60]))
    await untilRunning(pool)
    assert.strictEqual(pool.close(), pool.close())
    await pool[Symbol.asyncDispose]()
    assert.isNotNull(await running)
    assert.isAbove(pids.length, 0)
    for (const pid of pids) assert.isTrue(isGone(pid))
    assert.instanceOf(await rejection(pool.call("math:sqrt", [4])), PoolUnavailable)
    assert.instanceOf(await rejection(pool.stream("analysis:count").toArray()), PoolUnavailable)
    assert.instanceOf(await rejection(pool.session("two", "analysis:Tally", [1])), Error)
    assert.deepInclude(await rejection(tally.call("add", [1])), { _tag: "SessionError" })
    await tally.close()
  })
})

describe("createPool", () => {
  it("rejects with a StartError that names the fix", async () => {
    const error = await rejection(createPool({ python: "no-such-python" }))
    assert.instanceOf(error, StartError)
    assert.include(String(error), "FIREWEED_PYTHON")
    assert.instanceOf(await rejection(createPool({ modules: ["./not-there.py"], root })), StartError)
  })

  it("refuses options that make no sense by name", async () => {
    for (const [options, name] of [
      [{ sise: 2 }, "sise"],
      [{ size: 0 }, "size"],
      [{ preload: ["json"] }, "modules"],
      [{ closeOnSignals: "yes" }, "closeOnSignals"],
      [{ callbacks: { double: 2 } }, "double"],
      [{ root: new URL("https://example.org/analysis.ts") }, "root"],
      [{ modules: [5] }, "preload"]
    ] as const) {
      const error = await rejection(createLoosely(options))
      assert.instanceOf(error, TypeError)
      assert.include(String(error), name)
    }
  })

  it("tells what happens", () =>
    withPool(async (pool) => {
      const opened = (async () => {
        for await (const event of pool.events()) if (event._tag === "SessionOpened") return event.key
        return "the end"
      })()
      const tally = await pool.session("one", "analysis:Tally", [1])
      assert.strictEqual(await opened, "one")
      await tally.close()
      assert.deepStrictEqual(pool.exports(), {})
    }))
})

/** Waits until the pool runs something. */
const untilRunning = async (pool: Pool): Promise<void> => {
  while (pool.snapshot().running === 0) await new Promise<void>((resolve) => setImmediate(resolve))
}
