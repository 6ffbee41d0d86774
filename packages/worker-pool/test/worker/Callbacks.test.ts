/** The callbacks of one worker, frame by frame. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as Codec from "../../src/protocol/Codec.ts"
import type { CodecId, Frame, Outgoing } from "../../src/protocol/Frame.ts"
import * as Kind from "../../src/protocol/Kind.ts"
import * as Callbacks from "../../src/worker/Callbacks.ts"

const asked = (id: number, value: unknown, codec: CodecId = 0): Frame => {
  const payload = Codec.byId(codec).encode(value, "callback")
  if ("_tag" in payload) return assert.fail(payload.path)
  const meta = new Uint8Array(payload.pieces.flatMap((piece) => [...piece]))
  return { kind: Kind.Reply.callback, codec, id, meta, buffers: [...payload.buffers] }
}

const read = (frame: Outgoing): unknown => {
  const meta = new Uint8Array(frame.pieces.flatMap((piece) => [...piece]))
  const decoded = Codec.byId(frame.codec).decode({ meta, buffers: [...frame.buffers] })
  return "_tag" in decoded ? assert.fail(decoded.detail) : decoded.value
}

/** Callbacks of the calls 1 and 2, and what is answered: `[kind, id, value]`. */
const setUp = (run: Callbacks.Run, maxFrame = 1_024) =>
  Effect.gen(function* () {
    const context = yield* Effect.context()
    const sent: Array<readonly [kind: string, id: number, value: unknown]> = []
    const callbacks = Callbacks.make({
      send: (frame) => void sent.push([Kind.nameOf(frame.kind), frame.id, read(frame)]),
      fork: Effect.runForkWith(context),
      maxFrame,
      runnerOf: (call) => (call === 1 || call === 2 ? run : undefined)
    })
    return { callbacks, sent }
  })

const failed = Schema.decodeUnknownOption(Schema.Struct({ type: Schema.String, message: Schema.String }))

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { message: Schema.String }) {}

describe("a callback", () => {
  for (const codec of [0, 1] as const) {
    it.effect(`gives its value at once, in the codec that it was asked in (${codec})`, () =>
      Effect.gen(function* () {
        const { callbacks, sent } = yield* setUp((name, args) => ({ name, args }))
        assert.isUndefined(callbacks.receive(asked(5, ["f", [1, "x"], null, 1], codec)))
        assert.isUndefined(callbacks.receive(asked(6, ["g", [], { a: 1 }, 2], codec)))
        assert.deepStrictEqual(sent, [
          ["CALLBACKRESULT", 5, { name: "f", args: [1, "x"] }],
          ["CALLBACKRESULT", 6, { name: "g", args: [{ a: 1 }] }]
        ])
      })
    )
  }

  it.effect("may take its time, and others pass it", () =>
    Effect.gen(function* () {
      const { callbacks, sent } = yield* setUp((name) =>
        name === "slow" ? Effect.as(Effect.sleep("1 second"), "late") : "soon"
      )
      callbacks.receive(asked(1, ["slow", [], null, 1]))
      callbacks.receive(asked(2, ["quick", [], null, 1]))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sent, [
        ["CALLBACKRESULT", 2, "soon"],
        ["CALLBACKRESULT", 1, "late"]
      ])
    })
  )

  it.effect("that fails, throws, dies, is interrupted or gives too much is answered with why", () =>
    Effect.gen(function* () {
      const { callbacks, sent } = yield* setUp((name) => {
        switch (name) {
          case "fails":
            return Effect.fail(new NotFound({ message: "no row" }))
          case "dies":
            return Effect.die("plain text")
          case "interrupts":
            return Effect.interrupt
          case "large":
            return "x".repeat(2_000)
          case "strange":
            return { deep: [() => 1] }
          case "long":
            throw new Error("y".repeat(100_000))
          default:
            throw new RangeError("too far")
        }
      })
      const names = ["fails", "throws", "dies", "interrupts", "large", "strange", "long"]
      for (const [index, name] of names.entries()) callbacks.receive(asked(index + 1, [name, [], null, 1]))
      const errors = sent.map(([kind, , value]) => {
        assert.strictEqual(kind, "CALLBACKERROR")
        return Option.getOrThrow(failed(value))
      })
      assert.deepStrictEqual(
        errors.map(({ type }) => type),
        ["NotFound", "RangeError", "Error", "Interrupted", "InvalidResult", "InvalidResult", "Error"]
      )
      assert.deepStrictEqual(
        errors.slice(0, 3).map(({ message }) => message),
        ["no row", "too far", "plain text"]
      )
      assert.include(errors[4]?.message, "maxFrame allows 1024")
      assert.include(errors[5]?.message, "result.deep[0]")
      assert.lengthOf(errors[6]?.message ?? "", 65_536)
    })
  )

  it.effect("ends with its call: it is interrupted and not answered, and the others go on", () =>
    Effect.gen(function* () {
      const interrupted: Array<unknown> = []
      const { callbacks, sent } = yield* setUp((_, [n]) =>
        Effect.onInterrupt(Effect.as(Effect.sleep("1 second"), n), () =>
          Effect.sync(() => interrupted.push(n))
        )
      )
      callbacks.receive(asked(1, ["f", [10], null, 1]))
      callbacks.receive(asked(2, ["f", [20], null, 2]))
      callbacks.receive(asked(3, ["f", [30], null, 1]))
      callbacks.end(1)
      callbacks.end(1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(interrupted, [10, 30])
      assert.deepStrictEqual(sent, [["CALLBACKRESULT", 2, 20]])
      // Its id is free again.
      assert.isUndefined(callbacks.receive(asked(1, ["f", [40], null, 2])))
    })
  )

  it.effect("of a call that has ended is answered so, and runs nothing", () =>
    Effect.gen(function* () {
      const { callbacks, sent } = yield* setUp(() => assert.fail("it ran"))
      assert.isUndefined(callbacks.receive(asked(1, ["f", [], null, 3])))
      assert.deepStrictEqual(
        sent.map(([kind, id]) => [kind, id]),
        [["CALLBACKERROR", 1]]
      )
      assert.strictEqual(Option.getOrThrow(failed(sent[0]?.[2])).type, "CallEnded")
    })
  )
})

it.effect("what is no CALLBACK, and an id that is taken, break the protocol", () =>
  Effect.gen(function* () {
    const { callbacks, sent } = yield* setUp(() => Effect.never)
    for (const meta of [
      1,
      null,
      [],
      ["f", [], null],
      ["f", [], null, "1"],
      [1, [], null, 1],
      ["f", 1, null, 1]
    ])
      assert.isString(callbacks.receive(asked(1, meta)))
    const garbage = { ...asked(1, null), meta: new Uint8Array([0xff, 0xff]) }
    assert.isString(callbacks.receive(garbage))
    assert.isUndefined(callbacks.receive(asked(1, ["f", [], null, 1])))
    assert.include(callbacks.receive(asked(1, ["f", [], null, 1])), "which runs already")
    assert.deepStrictEqual(sent, [])
    callbacks.end(1)
  })
)
