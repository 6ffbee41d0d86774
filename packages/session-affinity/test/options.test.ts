import { assert, describe, it } from "@effect/vitest"
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { decode } from "../src/internal/options.ts"

describe("defaults", () => {
  it("are those the documentation names", () => {
    assert.deepStrictEqual(decode({}), {
      name: "affinity",
      mode: "wait",
      ordered: false,
      metrics: false,
      settings: {
        placement: Placement.rendezvous,
        lifetime: 1_800_000,
        sliding: true,
        maxBindings: 10_000,
        evict: false,
        busy: undefined,
        waitFor: 5_000,
        maxWaiting: 10_000,
        maxMetadata: 1_024
      }
    })
  })

  it("stand in for options that are undefined", () => {
    const options: SessionAffinity.Options = {
      mode: undefined,
      maxBindings: undefined,
      expireAfter: undefined
    }
    assert.deepStrictEqual(decode(options), decode({}))
  })
})

describe("all strategies and ends of ranges are taken", () => {
  const taken: ReadonlyArray<SessionAffinity.Options> = [
    { placement: Placement.leastLoaded({ by: "bindings" }) },
    { placement: Placement.twoChoices() },
    { placement: Placement.boundedLoads({ c: 1.01, by: "load" }) },
    { placement: Placement.roundRobin },
    { placement: Placement.custom(() => undefined) },
    { expireAfter: Number.POSITIVE_INFINITY },
    { mode: "strict", waitFor: Number.POSITIVE_INFINITY, maxWaiting: 0, maxMetadata: 0, ordered: true },
    { saveState: () => Effect.void, restoreState: () => Effect.void, metrics: true, name: "workers" },
    { expireAfter: 1, maxBindings: 1, whenFull: "evict", expiry: "absolute" }
  ]
  for (const options of taken)
    it(`options ${JSON.stringify(options)}`, () => assert.doesNotThrow(() => decode(options)))
})

describe("what is wrong is refused by name", () => {
  const refused: ReadonlyArray<readonly [name: string, options: unknown]> = [
    ["expireAfter", { expireAfter: 0 }],
    ["expireAfter", { expireAfter: "-1 seconds" }],
    ["expireAfter", { expireAfter: "soon" }],
    ["expiry", { expiry: "never" }],
    ["expiry", { expiry: "absolute", expireAfter: Number.POSITIVE_INFINITY }],
    ["maxBindings", { maxBindings: 0 }],
    ["maxBindings", { maxBindings: 1.5 }],
    ["maxBindings", { maxBindings: 16_000_001 }],
    ["maxBindings", { maxBindings: Number.POSITIVE_INFINITY }],
    ["mode", { mode: "queue" }],
    ["waitFor", { waitFor: 0 }],
    ["maxWaiting", { maxWaiting: -1 }],
    ["maxMetadata", { maxMetadata: 0.5 }],
    ["ordered", { ordered: "yes" }],
    ["saveState", { saveState: true }],
    ["restoreState", { restoreState: {} }],
    ["metrics", { metrics: 1 }],
    ["name", { name: 7 }],
    ["whenFull", { whenFull: "wait" }],
    ["placement", { placement: "rendezvous" }],
    ["by", { placement: { _tag: "LeastLoaded", by: "colour" } }],
    ["by", { placement: { _tag: "TwoChoices" } }],
    ["c", { placement: Placement.boundedLoads({ c: 1 }) }],
    ["c", { placement: Placement.boundedLoads({ c: Number.NaN }) }],
    ["c", { placement: Placement.boundedLoads({ c: Number.POSITIVE_INFINITY }) }],
    ["choose", { placement: { _tag: "Custom", choose: "first" } }],
    ["busy", { busy: 3 }],
    ["ttl", { ttl: "1 minute" }]
  ]
  for (const [name, options] of refused) {
    it(`options ${JSON.stringify(options)}`, () => {
      assert.throws(() => decode(options), new RegExp(`SessionAffinity\\.make: [^]*"${name}"`))
    })
  }
})

it.effect("make refuses with a defect", () =>
  Effect.gen(function* () {
    const cause = yield* Effect.flip(Effect.sandbox(SessionAffinity.make({ maxBindings: 0 })))
    assert.instanceOf(Cause.squash(cause), TypeError)
  })
)

it.effect("layer provides the service", () =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.SessionAffinity
    yield* affinity.add("w")
    assert.strictEqual((yield* affinity.resolve("k")).target, "w")
    assert.strictEqual((yield* affinity.stats).maxBindings, 5)
  }).pipe(Effect.provide(SessionAffinity.layer({ maxBindings: 5 })))
)
