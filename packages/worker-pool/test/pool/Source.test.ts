import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Source from "../../src/pool/Source.ts"

/** Counts from 0; tells what was asked of it. */
const counting = (end = Number.POSITIVE_INFINITY) => {
  const asked: Array<string> = []
  const items = {
    *[Symbol.iterator]() {
      try {
        for (let n = 0; n < end; n++) {
          asked.push(`next ${n}`)
          yield n
        }
      } finally {
        asked.push("over")
      }
    }
  }
  return { asked, items }
}

const double = (n: unknown): unknown => Number(n) * 2

it.effect("an iterable is taken from as far as is asked, and told when that is all", () =>
  Effect.gen(function* () {
    const { asked, items } = counting()
    yield* Effect.scoped(
      Effect.gen(function* () {
        const take = yield* Source.open(items)
        assert.deepStrictEqual(yield* take(2), [0, 1])
        assert.deepStrictEqual(yield* take(1), [2])
        assert.deepStrictEqual(asked, ["next 0", "next 1", "next 2"])
      })
    )
    assert.deepStrictEqual(asked.slice(3), ["over"])
  })
)

it.effect("one that has ended is asked no more", () =>
  Effect.gen(function* () {
    const { asked, items } = counting(3)
    const take = yield* Source.open(items)
    assert.deepStrictEqual(yield* take(2), [0, 1])
    assert.deepStrictEqual(yield* take(2), [2])
    assert.deepStrictEqual(yield* take(2), [])
    assert.deepStrictEqual(yield* take(2), [])
    assert.strictEqual(asked.filter((what) => what === "over").length, 1)
  })
)

it.effect("what it throws is a defect, after the items before it", () =>
  Effect.gen(function* () {
    let closed = false
    const take = yield* Source.open({
      [Symbol.iterator]: () => {
        let n = 0
        return {
          next: () => {
            if (n === 2) throw new Error("broken")
            return { done: false, value: n++ }
          },
          return: () => {
            closed = true
            return { done: true, value: undefined }
          }
        }
      }
    })
    assert.deepStrictEqual(yield* take(10), [0, 1])
    const exit = yield* Effect.exit(take(10))
    assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("broken"))
    assert.isFalse(closed, "one that throws has closed itself")
  })
)

it.effect("of a stream what comes at once is taken together, however it is cut", () =>
  Effect.gen(function* () {
    const take = yield* Source.open(Stream.rechunk(Stream.range(1, 10), 1))
    assert.deepStrictEqual(yield* take(3), [1, 2, 3])
    assert.deepStrictEqual(yield* take(1), [4])
    assert.deepStrictEqual(yield* take(10), [5, 6, 7, 8, 9, 10])
    assert.deepStrictEqual(yield* take(10), [])
    const whole = yield* Source.open(Stream.range(1, 7))
    assert.deepStrictEqual(yield* Effect.forEach([3, 3, 3, 3], whole), [[1, 2, 3], [4, 5, 6], [7], []])
  })
)

it.effect("a stream is waited for only if there is nothing, and reads on meanwhile as far as was asked", () =>
  Effect.gen(function* () {
    let made = 0
    const slow = Stream.range(1, 100).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((n) =>
        Effect.as(
          Effect.andThen(
            Effect.sleep(10),
            Effect.sync(() => void made++)
          ),
          n
        )
      )
    )
    const take = yield* Source.open(slow)
    const first = yield* Effect.forkChild(take(3), { startImmediately: true })
    yield* TestClock.adjust(10)
    assert.deepStrictEqual(yield* Fiber.join(first), [1])
    yield* TestClock.adjust(1_000)
    assert.strictEqual(made, 4)
    assert.deepStrictEqual(yield* take(5), [2, 3, 4])
  })
)

it.effect("the finalizers of a stream run when that is all", () =>
  Effect.gen(function* () {
    let released = 0
    const stream = Stream.concat(Stream.make(1, 2), Stream.never).pipe(
      Stream.ensuring(Effect.sync(() => void released++))
    )
    yield* Effect.scoped(
      Effect.gen(function* () {
        const take = yield* Source.open(stream)
        assert.deepStrictEqual(yield* take(1), [1])
        assert.deepStrictEqual(yield* take(5), [2])
      })
    )
    assert.strictEqual(released, 1)
  })
)

it.effect("the error of a stream comes after its items", () =>
  Effect.gen(function* () {
    const take = yield* Source.open(Stream.concat(Stream.make(1), Stream.fail("broken")))
    assert.deepStrictEqual(yield* take(5), [1])
    assert.strictEqual(yield* Effect.flip(take(5)), "broken")
  })
)

it.effect("what is made of items is made when they are taken", () =>
  Effect.gen(function* () {
    const { asked, items } = counting()
    yield* Effect.scoped(
      Effect.gen(function* () {
        const take = yield* Source.open(Source.map(items, double))
        assert.deepStrictEqual(yield* take(2), [0, 2])
        assert.strictEqual(asked.length, 2)
      })
    )
    assert.strictEqual(asked.at(-1), "over")
    const take = yield* Source.open(Source.map(Stream.make(1, 2), double))
    assert.deepStrictEqual(yield* take(2), [2, 4])
  })
)
