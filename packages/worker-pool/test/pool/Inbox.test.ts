import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { PoolUnavailable } from "../../src/CallError.ts"
import * as Inbox from "../../src/pool/Inbox.ts"

const setUp = (credit: number) => {
  const granted: Array<number> = []
  const returned: Array<unknown> = []
  const inbox = Inbox.make({
    credit,
    grant: (count) => void granted.push(count),
    onReturn: (value) => void returned.push(value)
  })
  return { granted, inbox, returned }
}

const failed = new PoolUnavailable({
  reason: "closed",
  target: "t",
  retryAfter: Duration.seconds(1),
  detail: "d"
})

describe("credit", () => {
  it.effect("a chunk is half of it at most, and is credited when the consumer comes back", () =>
    Effect.gen(function* () {
      const { granted, inbox } = setUp(4)
      for (const item of [1, 2, 3, 4]) inbox.add(item)
      assert.deepStrictEqual(yield* inbox.pull, [1, 2])
      assert.deepStrictEqual(granted, [])
      assert.deepStrictEqual(yield* inbox.pull, [3, 4])
      assert.deepStrictEqual(granted, [2])
    })
  )

  it.effect("small chunks are credited together, once they make half of it", () =>
    Effect.gen(function* () {
      const { granted, inbox } = setUp(6)
      for (const item of [1, 2, 3, 4]) {
        inbox.add(item)
        assert.deepStrictEqual(yield* inbox.pull, [item])
      }
      assert.deepStrictEqual(granted, [3])
    })
  )

  it.effect("of 1 goes in step", () =>
    Effect.gen(function* () {
      const { granted, inbox } = setUp(1)
      for (const item of [1, 2, 3]) {
        inbox.add(item)
        assert.deepStrictEqual(yield* inbox.pull, [item])
        assert.strictEqual(granted.length, item - 1)
      }
    })
  )

  it.effect("is not asked for when nothing can come any more", () =>
    Effect.gen(function* () {
      const { granted, inbox } = setUp(2)
      inbox.add(1)
      yield* inbox.pull
      inbox.end(Effect.succeed(null))
      yield* Effect.exit(inbox.pull)
      assert.deepStrictEqual(granted, [])
    })
  )
})

describe("a consumer that waits", () => {
  it.effect("is woken once for all that come together", () =>
    Effect.gen(function* () {
      const { inbox } = setUp(64)
      const chunk = yield* Effect.forkChild(inbox.pull, { startImmediately: true })
      for (const item of [1, 2, 3]) inbox.add(item)
      assert.deepStrictEqual(yield* Fiber.join(chunk), [1, 2, 3])
    })
  )

  it.effect("and leaves loses nothing of what comes next", () =>
    Effect.gen(function* () {
      const { inbox } = setUp(64)
      const chunk = yield* Effect.forkChild(inbox.pull, { startImmediately: true })
      inbox.add(1)
      yield* Fiber.interrupt(chunk)
      inbox.add(2)
      assert.deepStrictEqual(yield* inbox.pull, [1, 2])
    })
  )

  it.effect("is told the end", () =>
    Effect.gen(function* () {
      const { inbox, returned } = setUp(64)
      const end = yield* Effect.forkChild(Effect.exit(inbox.pull), { startImmediately: true })
      inbox.end(Effect.succeed("value"))
      const exit = yield* Fiber.join(end)
      assert.isTrue(Exit.isFailure(exit) && Pull.isDoneCause(exit.cause))
      assert.deepStrictEqual(returned, ["value"])
    })
  )
})

it.effect("what came before an error is taken before it", () =>
  Effect.gen(function* () {
    const { inbox, returned } = setUp(4)
    for (const item of [1, 2, 3]) inbox.add(item)
    inbox.end(Effect.fail(failed))
    const items: Array<unknown> = []
    const error = yield* Stream.fromPull(Effect.succeed(inbox.pull)).pipe(
      Stream.runForEach((item) => Effect.sync(() => items.push(item))),
      Effect.flip
    )
    assert.deepStrictEqual(items, [1, 2, 3])
    assert.strictEqual(error, failed)
    assert.deepStrictEqual(returned, [])
  })
)
