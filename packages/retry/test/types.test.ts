import { assert, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Backoff from "../src/Backoff.ts"
import * as Retry from "../src/Retry.ts"

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
const same = <A, B>(..._: Equal<A, B> extends true ? [] : ["the types differ"]) => undefined

interface Lost {
  readonly _tag: "Lost"
}
const lost: Lost = { _tag: "Lost" }
const call: Effect.Effect<number, Lost> = Effect.fail(lost)

it.effect("the compiler knows what a policy can fail with", () =>
  Effect.gen(function* () {
    const exhausted = Retry.run(call, Retry.make({ retries: 0 }))
    same<typeof exhausted, Effect.Effect<number, Lost | Retry.RetryExhausted<Lost>>>()
    assert.strictEqual((yield* Effect.flip(exhausted))._tag, "RetryExhausted")

    const last = Retry.run(call, Retry.make({ retries: 0, surface: "last" }))
    same<typeof last, Effect.Effect<number, Lost>>()
    assert.strictEqual((yield* Effect.flip(last))._tag, "Lost")

    const byCategory = call.pipe(Retry.run(Retry.byCategory({ surface: "last" })))
    same<typeof byCategory, Effect.Effect<number, Lost>>()
    assert.strictEqual((yield* Effect.flip(byCategory))._tag, "Lost")

    const piped = call.pipe(Retry.run(Retry.make({ retries: 0 }), { idempotent: true }))
    same<typeof piped, Effect.Effect<number, Lost | Retry.RetryExhausted<Lost>>>()
  })
)

it.effect("a timeout adds its error, and only then", () =>
  Effect.gen(function* () {
    const timed = Retry.make({ retries: 0, timeout: "1 second" })
    const exhausted = Retry.run(call, timed)
    same<
      typeof exhausted,
      Effect.Effect<number, Lost | Cause.TimeoutError | Retry.RetryExhausted<Lost | Cause.TimeoutError>>
    >()
    assert.strictEqual((yield* Effect.flip(exhausted))._tag, "RetryExhausted")
    const last = call.pipe(Retry.run(Retry.byCategory({ timeout: 1000, surface: "last" })))
    same<typeof last, Effect.Effect<number, Lost | Cause.TimeoutError>>()
    assert.strictEqual((yield* Effect.flip(last))._tag, "Lost")
    const none = Retry.run(call, Retry.make({ timeout: undefined, surface: "last", retries: 0 }))
    same<typeof none, Effect.Effect<number, Lost>>()
    assert.strictEqual((yield* Effect.flip(none))._tag, "Lost")
  })
)

it("a policy with a timeout judges its error, too", () => {
  const judges = Retry.make({
    timeout: "1 second",
    while: (error: Lost | Cause.TimeoutError) => error._tag === "Lost"
  })
  assert.isTrue(Effect.isEffect(call.pipe(Retry.run(judges))))
  // @ts-expect-error a TimeoutError is not Lost
  Retry.make({ timeout: "1 second", while: (error: Lost) => error._tag === "Lost" })
})

it("a policy judges only the errors it was made for", () => {
  const policy = Retry.make({ while: (error: { readonly status: number }) => error.status === 503 })
  // @ts-expect-error Lost has no status
  Retry.run(call, policy)
  // @ts-expect-error Lost has no status
  // @effect-diagnostics-next-line missingEffectError:off
  call.pipe(Retry.run(policy))
  // @ts-expect-error "flood" is no category of the table
  Retry.byCategory({ classify: (_: Lost) => "flood" })
  // @ts-expect-error it is `retries`
  Retry.make.bind(undefined, { maxAttempts: 3 })
  // @ts-expect-error there must be a delay
  assert.throws(() => Backoff.delays([]), /delays/)
})
