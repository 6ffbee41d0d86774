/** A worker can be ended in every state, also while it works. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Timers from "../../src/internal/Timers.ts"
import type { Outgoing } from "../../src/protocol/Frame.ts"
import * as Json from "../../src/protocol/Json.ts"
import * as Kind from "../../src/protocol/Kind.ts"
import type { Events } from "../../src/transport/Transport.ts"
import * as Worker from "../../src/worker/Worker.ts"
import type { WorkerState } from "../../src/worker/WorkerState.ts"

/** A worker that gets as far as HELLO, over a transport that the test drives: a process that obeys nothing but its kill. */
const setUp = Effect.gen(function* () {
  const context = yield* Effect.context()
  const timers = yield* Timers.make
  const scope = yield* Scope.make()
  const calls: Array<number> = []
  const outcomes: Array<string> = []
  const states: Array<WorkerState> = ["initializing"]
  const wire: { events?: Events; ends: number } = { ends: 0 }

  const reply = (kind: number, meta: Json.Json = null, id = 0): void =>
    wire.events?.onFrame({ kind, codec: 1, id, meta: Json.encodeJson(meta), buffers: [] })
  const closing = (): void => wire.events?.onClosing()
  const end = (): void => {
    if (wire.ends++ > 0) return
    closing()
    wire.events?.onEnd({ reason: "exit", exitCode: 1, signal: null, detail: "exited", stderr: "" })
  }
  const kill = (): void => {
    queueMicrotask(end)
  }

  const making = yield* Effect.forkChild(
    Scope.provide(
      Worker.make({
        id: "1.1",
        connect: ({ token }, events) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              wire.events = events
              const hello = { proto: 1, runtime: "", python: [3, 13, 0], impl: "", exe: "", pid: 1, ppid: 0 }
              queueMicrotask(() => reply(Kind.Reply.hello, { ...hello, token, codecs: ["json"] }))
              return {
                pid: () => undefined,
                send: (_: Outgoing) => undefined,
                pending: () => 0,
                interrupt: () => undefined,
                kill
              }
            }),
            () => Effect.sync(kill)
          ),
        interpreter: "python",
        timers,
        path: [],
        maxFrame: 1_024,
        memory: undefined,
        concurrency: 1,
        codec: "json",
        startTimeout: 10_000,
        cancelGrace: 500,
        shutdownGrace: 1_000,
        onState: (_id, _from, to) => void states.push(to),
        onRoom: () => undefined,
        onBusy: () => undefined,
        onVitals: () => undefined,
        onDirty: () => undefined,
        onOutput: () => undefined,
        onLog: () => undefined,
        fork: Effect.runForkWith(context),
        preparation: {
          preload: [],
          setup: undefined,
          teardown: undefined,
          strict: false,
          callbacks: [],
          logs: undefined
        }
      }),
      scope
    ),
    { startImmediately: true }
  )
  yield* Effect.yieldNow

  /** The worker, once it is ready; and its call, in the states in which it has one. */
  const started = Effect.gen(function* () {
    reply(Kind.Reply.ready, { ms: 0 })
    const worker = yield* Fiber.join(making)
    const assign = () => {
      const id = worker.assign({
        kind: Kind.Request.call,
        codec: 1,
        payload: { pieces: [new Uint8Array(0)], buffers: [] },
        target: "app:f",
        callback: () => null,
        settle: (outcome) => {
          outcomes.push(outcome._tag)
          return { resume: () => undefined, broken: undefined }
        }
      })
      calls.push(id)
    }
    return { assign, worker }
  })

  return { calls, closing, end, making, outcomes, reply, scope, started, states, wire }
})

type World = Effect.Success<typeof setUp>
type Started = Effect.Success<World["started"]>

/** How a worker that has started, and has a call unless it is `ready`, comes to be in each state. */
const into: Record<Exclude<WorkerState, "initializing">, (world: World, started: Started) => void> = {
  ready: () => undefined,
  busy: (_, { assign }) => assign(),
  degraded: (_, { assign, worker }) => {
    assign()
    worker.degrade()
  },
  draining: (_, { assign, worker }) => {
    assign()
    worker.drain()
  },
  terminating: ({ closing }, { assign }) => {
    assign()
    closing()
  },
  terminated: ({ end }, { assign }) => {
    assign()
    end()
  }
}

/** What ends one, whatever it does. */
const endings: Record<string, (world: World, worker: Worker.Worker | undefined) => Effect.Effect<unknown>> = {
  "its process ends": ({ end }) => Effect.sync(end),
  "it breaks the protocol": ({ calls, end, reply }) =>
    Effect.sync(() => {
      reply(Kind.Request.call)
      // It cannot be believed any more.
      for (const id of calls) reply(Kind.Reply.result, null, id)
      end()
    }),
  "it does not answer": (_, worker) =>
    Effect.andThen(
      Effect.sync(() => worker?.giveUp(10_000)),
      TestClock.adjust("11 seconds")
    ),
  "its scope closes": ({ scope }) =>
    Effect.gen(function* () {
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
    })
}

/** All that can be asked of a worker. */
const ask = (worker: Worker.Worker): void => {
  for (const id of [0, 1, 2]) {
    worker.cancel(id)
    worker.credit(id, 1)
  }
  worker.ping()
  worker.degrade()
  worker.drain()
  worker.giveUp(1)
}

describe("D51 ending a worker while it works breaks nothing", () => {
  for (const [ending, end] of Object.entries(endings)) {
    it.effect(`initializing: ${ending}, and its start fails, once`, () =>
      Effect.gen(function* () {
        const world = yield* setUp
        yield* end(world, undefined)
        assert.isTrue(Exit.isFailure(yield* Fiber.await(world.making)))
        yield* Scope.close(world.scope, Exit.void)
        assert.strictEqual(world.states.at(-1), "terminated")
        assert.deepStrictEqual(world.outcomes, [])
      })
    )

    for (const [state, reach] of Object.entries(into)) {
      it.effect(`${state}: ${ending}, and its call is settled once`, () =>
        Effect.gen(function* () {
          const world = yield* setUp
          const started = yield* world.started
          reach(world, started)
          const { outcomes, scope, states } = world
          const { worker } = started
          assert.strictEqual(worker.state(), state)
          yield* end(world, worker)
          if (state === "terminating") world.end()
          assert.strictEqual((yield* worker.ended).exitCode, 1)
          assert.deepStrictEqual([worker.state(), worker.load()], ["terminated", 0])
          const settled = state === "ready" ? [] : ["Lost"]
          assert.deepStrictEqual(outcomes, settled)
          const last = states.filter((one) => one.startsWith("terminat"))
          assert.deepStrictEqual(last, [...new Set(last)], "it ends once")

          // Nothing that is asked of it later, and nothing that comes late, does anything more.
          ask(worker)
          world.reply(Kind.Reply.pong)
          for (const id of world.calls) world.reply(Kind.Reply.result, null, id)
          yield* TestClock.adjust("1 minute")
          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual([worker.state(), outcomes], ["terminated", settled])
        })
      )
    }
  }
})
