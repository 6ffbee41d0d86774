import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Timers from "../../src/internal/Timers.ts"
import type { Frame, Outgoing } from "../../src/protocol/Frame.ts"
import * as Json from "../../src/protocol/Json.ts"
import * as Kind from "../../src/protocol/Kind.ts"
import type { Events } from "../../src/transport/Transport.ts"
import * as InFlight from "../../src/worker/InFlight.ts"
import * as Worker from "../../src/worker/Worker.ts"

const frame = (kind: number, id: number, meta: Json.Json | undefined): Frame => ({
  kind,
  codec: 1,
  id,
  meta: meta === undefined ? new Uint8Array(0) : Json.encodeJson(meta),
  buffers: []
})

/** A worker over a transport that notes what is sent and says what the test says. */
const setUp = (options: { readonly concurrency: number }) =>
  Effect.gen(function* () {
    const timers = yield* Timers.make
    const sent: Array<string> = []
    const outcomes: Array<string> = []
    const wire: { events?: Events } = {}
    const waiting = { bytes: 0 }
    const reply = (kind: number, id = 0, meta?: Json.Json): void =>
      wire.events?.onFrame(frame(kind, id, meta))
    const end = (signal: string | null): void =>
      wire.events?.onEnd({
        reason: signal === null ? "exit" : "signal",
        exitCode: signal === null ? 1 : null,
        signal,
        detail: signal === null ? "exited" : `killed by ${signal}`,
        stderr: ""
      })
    const worker = yield* Worker.make({
      id: "1.1",
      connect: ({ token }, events) =>
        Effect.sync(() => {
          wire.events = events
          queueMicrotask(() =>
            reply(Kind.Reply.hello, 0, {
              proto: 1,
              runtime: "",
              python: [3, 13, 0],
              impl: "",
              exe: "",
              pid: 1,
              ppid: 0,
              token,
              codecs: ["json"]
            })
          )
          return {
            pid: () => undefined,
            send: (out: Outgoing) => {
              sent.push(`${Kind.nameOf(out.kind)} ${out.id}`)
              if (out.kind === Kind.Request.init) queueMicrotask(() => reply(Kind.Reply.ready, 0, { ms: 0 }))
              if (out.kind === Kind.Request.shutdown) queueMicrotask(() => end(null))
            },
            pending: () => waiting.bytes,
            interrupt: () => void sent.push("SIGUSR1"),
            kill: () => void sent.push("SIGKILL")
          }
        }),
      interpreter: "python",
      timers,
      path: [],
      maxFrame: 1_024,
      memory: undefined,
      concurrency: options.concurrency,
      codec: "json",
      startTimeout: 1_000,
      cancelGrace: 500,
      shutdownGrace: 1_000,
      onState: (_id, from, to) => void sent.push(`${from} -> ${to}`),
      onRoom: () => void sent.push("has room"),
      onBusy: () => undefined,
      onVitals: () => undefined,
      onDirty: (_id, dirty) => void sent.push(`dirty: ${dirty.join(", ")}`),
      onOutput: () => undefined,
      onLog: () => undefined,
      fork: Effect.runFork,
      preparation: {
        preload: [],
        setup: undefined,
        teardown: undefined,
        strict: false,
        callbacks: [],
        logs: undefined
      }
    })
    const items: Array<string> = []
    const assign = (name: string, credit?: number): number =>
      worker.assign({
        kind: Kind.Request.call,
        codec: 1,
        payload: { pieces: [new Uint8Array(0)], buffers: [] },
        target: name,
        callback: () => null,
        stream:
          credit === undefined
            ? undefined
            : {
                credit,
                item: ({ meta }) => {
                  items.push(new TextDecoder().decode(meta))
                  return undefined
                }
              },
        settle: (outcome) => {
          outcomes.push(
            outcome._tag === "Lost"
              ? `${name} lost${outcome.stuck ? " stuck" : ""}: ${outcome.end.detail}`
              : `${name} ${outcome._tag}`
          )
          return { resume: () => undefined, broken: undefined }
        }
      })
    sent.length = 0
    return { assign, end, items, outcomes, reply, sent, waiting, worker }
  })

describe("several calls in flight", () => {
  it.effect(
    "is busy when it has as many as it takes, and ready as soon as one is answered, in any order",
    () =>
      Effect.gen(function* () {
        const { assign, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 2 })
        const [first, second] = [assign("a"), assign("b")]
        assert.deepStrictEqual(sent, [`CALL ${first}`, "ready -> busy", `CALL ${second}`])
        assert.throws(() => assign("c"))
        reply(Kind.Reply.result, second, null)
        assert.strictEqual(worker.load(), 1)
        assert.deepStrictEqual(sent.slice(3), ["busy -> ready", "has room"])
        assign("c")
        reply(Kind.Reply.error, first, {})
        assert.deepStrictEqual(outcomes, ["b Result", "a Failed"])
        assert.deepStrictEqual([worker.served(), worker.load(), worker.state()], [2, 1, "ready"])
      })
  )

  it.effect("a cancellation has its three steps for each call, and ends with its answer", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 3 })
      const [first, second] = [assign("a"), assign("b")]
      sent.length = 0
      worker.cancel(first)
      worker.cancel(first)
      yield* TestClock.adjust(10)
      worker.cancel(second)
      assert.deepStrictEqual(sent, [`CANCEL ${first}`, `CANCEL ${second}`])
      assert.strictEqual(worker.load(), 2, "a cancelled call takes its place until it is answered")
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(sent.slice(2), ["PING 0", "SIGUSR1"])
      reply(Kind.Reply.error, first, {})
      yield* TestClock.adjust(10)
      reply(Kind.Reply.result, second, null)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(sent.slice(4), ["has room", "PING 0", "SIGUSR1", "has room"])
      assert.deepStrictEqual(outcomes, ["a Failed", "b Result"])
    })
  )

  it.effect("of the calls of a worker that is killed, only the one that would not stop is stuck", () =>
    Effect.gen(function* () {
      const { assign, end, outcomes, sent, worker } = yield* setUp({ concurrency: 3 })
      assign("a")
      const stubborn = assign("b")
      const late = assign("c")
      worker.cancel(stubborn)
      yield* TestClock.adjust(490)
      worker.cancel(late)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(sent.slice(-2), ["busy -> terminating", "SIGKILL"])
      end("SIGKILL")
      const detail = "killed: a call did not stop when it was told to; it does not answer"
      assert.deepStrictEqual(outcomes, [`a lost: ${detail}`, `b lost stuck: ${detail}`, `c lost: ${detail}`])
      yield* TestClock.adjust(1_000)
      assert.strictEqual(sent.filter((what) => what === "SIGKILL").length, 1, "no step is left")
    })
  )

  it.effect("an answer to a call that never was, or is answered already, breaks the protocol", () =>
    Effect.gen(function* () {
      for (const id of [0, 2, 7]) {
        const { assign, end, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 3 })
        assign("a")
        const answered = assign("b")
        reply(Kind.Reply.result, answered, null)
        reply(Kind.Reply.result, id === 2 ? answered : id, null)
        assert.strictEqual(worker.state(), "terminating")
        assert.deepStrictEqual(sent.slice(-1), ["SIGKILL"])
        end("SIGKILL")
        assert.deepStrictEqual(outcomes, [
          "b Result",
          `a lost: broke the protocol: RESULT for call ${id}, which does not run`
        ])
      }
    })
  )
})

describe("calls are sent ahead to a worker that is quick", () => {
  /** A worker that has answered one call at once. */
  const quick = Effect.gen(function* () {
    const all = yield* setUp({ concurrency: 1 })
    assert.strictEqual(all.worker.spare(), 0)
    all.reply(Kind.Reply.result, all.assign("first"), null)
    all.sent.length = 0
    all.outcomes.length = 0
    return all
  })
  const cancelled = { code: "cancelled", started: false, message: "" }

  it.effect("behind the one it runs; each begins when those before it are answered", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, sent, worker } = yield* quick
      assert.strictEqual(worker.spare(), 0, "while it is ready it has no need")
      const [a, b] = [assign("a"), assign("b")]
      assert.isAbove(worker.spare(), 10)
      assert.deepStrictEqual([worker.hasBegun(a), worker.hasBegun(b)], [true, false])
      assert.deepStrictEqual([worker.load(), worker.running(), worker.state()], [2, 1, "busy"])
      reply(Kind.Reply.result, a, null)
      assert.isTrue(worker.hasBegun(b))
      assert.strictEqual(worker.state(), "busy")
      reply(Kind.Reply.result, b, null)
      assert.deepStrictEqual(outcomes, ["a Result", "b Result"])
      assert.deepStrictEqual(sent.slice(-2), ["busy -> ready", "has room"])
    })
  )

  it.effect("and called back when it turns out not to be; until then it gets no more", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, sent, worker } = yield* quick
      const [a, b, c] = [assign("a"), assign("b"), assign("c")]
      sent.length = 0
      yield* TestClock.adjust(InFlight.RECALL_AFTER)
      assert.deepStrictEqual(sent, [`CANCEL ${b}`, `CANCEL ${c}`])
      assert.strictEqual(worker.spare(), 0)
      reply(Kind.Reply.error, b, cancelled)
      // This one had begun when it was called back, so it is answered.
      reply(Kind.Reply.result, a, null)
      reply(Kind.Reply.result, c, null)
      assert.deepStrictEqual(outcomes, ["b NotBegun", "a Result", "c Result"])
      yield* TestClock.adjust(1_000)
      assert.notInclude(sent, "SIGUSR1")
      assert.strictEqual(worker.served(), 3)
    })
  )

  it.effect("not behind one that has run for longer than those before it", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, worker } = yield* quick
      const [, b] = [assign("a"), assign("b")]
      yield* TestClock.adjust(InFlight.RECALL_AFTER)
      reply(Kind.Reply.error, b, cancelled)
      assert.deepStrictEqual(outcomes, ["b NotBegun"])
      assert.strictEqual(worker.spare(), 0)
    })
  )

  it.effect("not behind one that is being made to stop, nor while much waits to be written", () =>
    Effect.gen(function* () {
      const { assign, reply, waiting, worker } = yield* quick
      const a = assign("a")
      assert.isAbove(worker.spare(), 0)
      waiting.bytes = 100_000
      assert.strictEqual(worker.spare(), 0)
      waiting.bytes = 0
      worker.cancel(a)
      assert.strictEqual(worker.spare(), 0)
      reply(Kind.Reply.result, a, null)
    })
  )

  it.effect("one that is cancelled while it waits does not cost the worker its life", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, sent, worker } = yield* quick
      const [a, b] = [assign("a"), assign("b")]
      sent.length = 0
      worker.cancel(b)
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual(sent, [`CANCEL ${b}`])
      reply(Kind.Reply.result, a, null)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(sent.slice(1), ["PING 0", "SIGUSR1"], "it may have begun before it was told")
      reply(Kind.Reply.error, b, cancelled)
      assert.deepStrictEqual(outcomes, ["a Result", "b Failed"])
    })
  )

  it.effect("and a death costs them nothing", () =>
    Effect.gen(function* () {
      const { assign, end, outcomes } = yield* quick
      for (const name of ["a", "b", "c"]) assign(name)
      end("SIGKILL")
      assert.deepStrictEqual(outcomes, ["a lost: killed by SIGKILL", "b NotBegun", "c NotBegun"])
    })
  )
})

describe("a stream", () => {
  it.effect("gives its items as they come, asks for more, and ends once", () =>
    Effect.gen(function* () {
      const { assign, items, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 1 })
      const id = assign("a", 2)
      reply(Kind.Reply.item, id, 1)
      reply(Kind.Reply.item, id, 2)
      worker.credit(id, 1)
      assert.strictEqual(sent.at(-1), `CREDIT ${id}`)
      reply(Kind.Reply.item, id, 3)
      reply(Kind.Reply.end, id, null)
      assert.deepStrictEqual(items, ["1", "2", "3"])
      assert.deepStrictEqual(outcomes, ["a Result"])
      const before = sent.length
      worker.credit(id, 1)
      assert.strictEqual(sent.length, before, "it has ended")
    })
  )

  it.effect("that is cancelled may still give what it was asked for, and is asked for nothing more", () =>
    Effect.gen(function* () {
      const { assign, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 1 })
      const id = assign("a", 2)
      worker.cancel(id)
      worker.credit(id, 5)
      reply(Kind.Reply.item, id, 1)
      reply(Kind.Reply.item, id, 2)
      reply(Kind.Reply.error, id, {})
      assert.deepStrictEqual(outcomes, ["a Failed"])
      assert.isFalse(sent.some((what) => what.startsWith("CREDIT")))
    })
  )

  it.effect("breaks the protocol with an item too many, and with an end of the wrong kind", () =>
    Effect.gen(function* () {
      for (const [credit, kinds, rule] of [
        [1, ["item", "item"], "ITEM for call 1 beyond its credit"],
        [undefined, ["item"], "ITEM for call 1, which is no stream"],
        [undefined, ["end"], "END for call 1, which is no stream"],
        [1, ["result"], "RESULT for call 1, which is a stream"],
        [1, ["end", "item"], "ITEM for call 1, which does not run"]
      ] as const) {
        const { assign, end, outcomes, reply, sent, worker } = yield* setUp({ concurrency: 2 })
        const id = assign("a", credit)
        assign("b")
        for (const kind of kinds) reply(Kind.Reply[kind], id, null)
        assert.strictEqual(worker.state(), "terminating", rule)
        assert.strictEqual(sent.at(-1), "SIGKILL")
        end("SIGKILL")
        assert.strictEqual(outcomes.at(-1), `b lost: broke the protocol: ${rule}`)
      }
    })
  )
})
