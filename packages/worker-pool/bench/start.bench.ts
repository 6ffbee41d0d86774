/**
 * What a worker costs until it has answered its first call, and what its successor costs when it was killed; forked beside spawned, with the
 * same modules imported before.
 */
import { Codec, Frame, Kind, Message } from "@fireweed/worker-pool/protocol"
import { Process, Zygote } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import process from "node:process"
import type { Case, Subject } from "../../../scripts/bench/bench.ts"
import { bench } from "../../../scripts/bench/bench.ts"
import { interpreter, pooled } from "./subjects.ts"

const options = { interpreter, cwd: process.cwd(), env: {}, maxFrame: Frame.DEFAULT_MAX_FRAME }

const encoded = Codec.pickle.call("math:sqrt", [16], undefined)
if ("_tag" in encoded) throw new Error("the arguments of the benchmark cannot be encoded")
const call: Frame.Outgoing = { kind: Kind.Request.call, codec: 0, id: 1, ...encoded.payload({}) }

/** Starts a worker, and waits until it has answered a call. */
const firstReply = (
  connect: Transport.Connect,
  preload: ReadonlyArray<string>,
  scope: Scope.Scope
): Effect.Effect<void, unknown> =>
  Effect.callback((resume) => {
    let transport: Transport.Transport | undefined
    const init = Message.init({
      path: [],
      maxFrame: options.maxFrame,
      preparation: {
        preload,
        setup: undefined,
        teardown: undefined,
        strict: false,
        callbacks: [],
        logs: undefined
      }
    })
    const events: Transport.Events = {
      onFrame: ({ kind }) => {
        if (kind === Kind.Reply.hello) transport?.send(init)
        if (kind === Kind.Reply.ready) transport?.send(call)
        if (kind === Kind.Reply.result) resume(Effect.void)
      },
      onOutput: () => {},
      onClosing: () => {},
      onEnd: ({ detail }) => resume(Effect.die(new Error(`the worker ${detail}`)))
    }
    const start = Effect.map(connect({ id: "1.1", token: crypto.randomUUID() }, events), (started) => {
      transport = started
    })
    Effect.runCallback(Scope.provide(start, scope), {
      onExit: (exit) => {
        if (Exit.isFailure(exit)) resume(Effect.failCause(exit.cause))
      }
    })
  })

/** Starts workers in a scope, which is closed when the time has been taken. */
const starting = (
  name: string,
  once: (scope: Scope.Scope) => Effect.Effect<unknown, unknown>,
  rest: Pick<Subject, "setup" | "teardown"> = {}
): Subject => {
  let scopes: Array<Scope.Closeable> = []
  return {
    name,
    ...rest,
    run: async (n) => {
      for (let left = n; left > 0; left--) {
        const scope = Scope.makeUnsafe()
        scopes.push(scope)
        await Effect.runPromise(once(scope))
      }
    },
    tidy: async () => {
      const open = scopes
      scopes = []
      await Effect.runPromise(
        Effect.forEach(open, (scope) => Scope.close(scope, Exit.void), { concurrency: 32 })
      )
    }
  }
}

const zygote = (preload: ReadonlyArray<string>) =>
  Effect.map(
    Zygote.make({
      ...options,
      path: [],
      preload,
      startTimeout: 60_000,
      onOutput: () => {},
      onRefused: (reason) => {
        throw new Error(`the benchmark compares nothing: ${reason}`)
      }
    }),
    ({ connect }) => connect
  )

const spawned = (preload: ReadonlyArray<string>): Subject =>
  starting("spawned", (scope) => firstReply(Process.connect(options), preload, scope))

const forked = (preload: ReadonlyArray<string>): Subject => {
  const life = Scope.makeUnsafe()
  let connect: Transport.Connect | undefined
  return starting(
    "forked",
    (scope) => (connect === undefined ? Effect.die("no zygote") : firstReply(connect, preload, scope)),
    {
      setup: async () => {
        connect = await Effect.runPromise(Scope.provide(zygote(preload), life))
      },
      teardown: () => Effect.runPromise(Scope.close(life, Exit.void))
    }
  )
}

/** So many workers at once, the zygote's own start included. */
const many = (count: number, preload: ReadonlyArray<string>): Subject =>
  starting(`${count} forked, from a zygote that is started for them`, (scope) =>
    Effect.flatMap(Scope.provide(zygote(preload), scope), (connect) =>
      Effect.forEach(Array.from({ length: count }), () => firstReply(connect, preload, scope), {
        concurrency: count
      })
    )
  )

/** Kills the worker from within, and waits for the answer to the next call, which its successor gives. */
const killed = (pool: WorkerPool.WorkerPool, n: number): Effect.Effect<unknown, unknown> => {
  let left = n
  const once = Effect.andThen(
    Effect.flip(pool.call("signal:raise_signal", [SIGKILL])),
    pool.call("math:sqrt", [16])
  )
  return Effect.whileLoop({ while: () => left-- > 0, body: () => once, step: () => {} })
}
const SIGKILL = 9

const successor = (start: "spawn" | "zygote", preload: ReadonlyArray<string>): Subject =>
  pooled(start, killed, { start, preload })

/** One spawned worker, and a wait. */
const spawnedAnd = (milliseconds: number): Subject =>
  starting(`one spawned, and ${milliseconds} ms`, (scope) =>
    Effect.andThen(firstReply(Process.connect(options), [], scope), Effect.sleep(milliseconds))
  )

/** What a program of the standard library alone may need. */
const STANDARD = [
  "asyncio",
  "concurrent.futures",
  "decimal",
  "email.mime.multipart",
  "http.server",
  "logging.config",
  "multiprocessing.pool",
  "sqlite3",
  "ssl",
  "unittest.mock",
  "urllib.request",
  "xml.dom.minidom",
  "xmlrpc.client",
  "zipfile"
]

const hasNumpy = spawnSync(interpreter, ["-c", "import numpy"]).status === 0

const one = (what: string, preload: ReadonlyArray<string>): Case => ({
  name: `first reply, ${what}`,
  unit: "ms/start",
  baseline: spawned(preload),
  subject: forked(preload),
  goal: { ratio: 1 / 5 }
})

const next = (what: string, preload: ReadonlyArray<string>): Case => ({
  name: `from SIGKILL to the successor's first reply, ${what}`,
  unit: "ms/death",
  baseline: successor("spawn", preload),
  subject: successor("zygote", preload),
  goal: { ratio: 1 / 5 }
})

export default bench([
  one("nothing preloaded", []),
  one("much of the standard library", STANDARD),
  ...(hasNumpy ? [one("numpy", ["numpy"])] : []),
  next("nothing preloaded", []),
  hasNumpy ? next("numpy", ["numpy"]) : next("much of the standard library", STANDARD),
  {
    name: "32 first replies, nothing preloaded",
    unit: "ms/start",
    baseline: spawnedAnd(60),
    subject: many(32, []),
    goal: { ratio: 1 }
  },
  {
    name: "32 first replies, much of the standard library",
    unit: "ms/start",
    baseline: spawned(STANDARD),
    subject: many(32, STANDARD),
    goal: { ratio: 2 }
  }
])
