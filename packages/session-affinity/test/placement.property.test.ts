/** Each strategy against a model of it that is as plain as can be, for any targets. */
import { assert, describe, it } from "@effect/vitest"
import { Placement } from "@fireweed/session-affinity"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Letter = Schema.Literals(["a", "b", "c"])
const Word = Schema.Tuple([Letter, Letter, Letter])

const Case = Schema.Struct({
  key: Word,
  ids: Schema.Array(Word).check(Schema.isMinLength(1), Schema.isMaxLength(12)),
  /** Weights, loads and bindings of the targets, in turn. */
  weights: Schema.NonEmptyArray(between(1, 4)).check(Schema.isMaxLength(5)),
  loads: Schema.NonEmptyArray(between(0, 5)).check(Schema.isMaxLength(5)),
  bindings: Schema.NonEmptyArray(between(0, 9)).check(Schema.isMaxLength(7)),
  /** In sixty-fourths. */
  draws: Schema.Tuple([between(0, 63), between(0, 63)]),
  /** Above 1, in hundredths. */
  excess: between(1, 100),
  by: Schema.Literals(["load", "bindings"]),
  turn: between(0, 1_000)
})

interface Scenario {
  readonly key: string
  readonly targets: ReadonlyArray<Placement.Target>
  readonly draws: ReadonlyArray<number>
  readonly c: number
  readonly by: Placement.Measure
  readonly turn: number
}

const scenarioOf = (drawn: typeof Case.Type): Scenario => ({
  ...drawn,
  key: drawn.key.join(""),
  c: 1 + drawn.excess / 100,
  draws: drawn.draws.map((draw) => draw / 64),
  targets: [...new Set(drawn.ids.map((word) => word.join("")))].map((id, i) => ({
    id,
    weight: nth(drawn.weights, i),
    load: nth(drawn.loads, i),
    bindings: nth(drawn.bindings, i)
  }))
})

const nth = (numbers: ReadonlyArray<number>, i: number): number => numbers[i % numbers.length] ?? 0

/** Holds a property against any scenario. */
const forAll = (property: (scenario: Scenario) => void) =>
  Effect.gen(function* () {
    let seen = 0
    const result = yield* Arbitrary.checkEffect(
      Arbitrary.schema(Case),
      (drawn) =>
        Effect.sync(() => {
          const scenario = scenarioOf(drawn)
          property(scenario)
          if (scenario.targets.length > 2) seen++
          return true
        }),
      { runs: 500, size: 12, seed: 5 }
    )
    assert.isUndefined(Arbitrary.formatCheckFailure(result))
    assert.isAbove(seen, 100, "few scenarios have more than two targets")
  })

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

// Models: sorted lists, whole numbers, and no shortcuts.

/** FNV-1a and the finalizer of MurmurHash3, by numbers of any length. */
const hash = (text: string): number => {
  let state = 0x811c9dc5n
  for (const character of text) state = ((state ^ BigInt(character.charCodeAt(0))) * 0x01000193n) & WORD
  state = ((state ^ (state >> 16n)) * 0x85ebca6bn) & WORD
  state = ((state ^ (state >> 13n)) * 0xc2b2ae35n) & WORD
  return Number(state ^ (state >> 16n))
}
const WORD = 0xffffffffn

const preference = ({ key, targets }: Scenario): ReadonlyArray<string> => {
  const score = ({ id, weight }: Placement.Target) => -weight / Math.log((hash(key + id) + 0.5) / 2 ** 32)
  return targets.toSorted((a, b) => score(b) - score(a)).map(({ id }) => id)
}

/** What decides between targets, most important first. */
const heaviness = (target: Placement.Target, by: Placement.Measure): ReadonlyArray<number> => {
  const load = target.load / target.weight
  const bindings = (target.bindings + 1) / target.weight
  return by === "load" ? [load, bindings] : [bindings, load]
}
const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
  a.map((number, i) => number - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0

const leastLoaded = ({ by, targets }: Scenario): string | undefined =>
  targets
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .toSorted((a, b) => compare(heaviness(a, by), heaviness(b, by)))[0]?.id

/** A lottery: each target has as many tickets as its weight. */
const draw = (among: ReadonlyArray<Placement.Target>, random: number) => {
  const tickets = among.flatMap((target) => Array.from({ length: target.weight }, () => target))
  return tickets[Math.floor(random * tickets.length)]
}

const twoChoices = ({ by, draws, targets }: Scenario): string | undefined => {
  const first = draw(targets, nth(draws, 0))
  const second = draw(
    targets.filter((target) => target !== first),
    nth(draws, 1)
  )
  if (first === undefined || second === undefined) return first?.id
  return compare(heaviness(second, by), heaviness(first, by)) < 0 ? second.id : first.id
}

const boundedLoads = (scenario: Scenario): string | undefined => {
  const { by, targets } = scenario
  const weights = sum(targets.map(({ weight }) => weight))
  const total = sum(targets.map((target) => target[by])) + 1
  const percents = Math.round(scenario.c * 100)
  const open = targets.filter(
    (target) => target[by] + 1 <= Math.ceil((percents * total * target.weight) / (100 * weights))
  )
  return preference(scenario).find((id) => open.some((target) => target.id === id))
}

const choose = (strategy: Placement.Strategy, { draws, key, targets, turn }: Scenario) => {
  const left = [...draws]
  return Placement.choose(strategy, key, targets, { turn, random: () => left.shift() ?? Number.NaN })?.id
}
const others = (scenario: Scenario, id: string | undefined): Scenario => ({
  ...scenario,
  targets: scenario.targets.filter((target) => target.id !== id)
})

describe("for any targets", () => {
  it.effect("rendezvous is the highest score", () =>
    forAll((scenario) => {
      assert.strictEqual(choose(Placement.rendezvous, scenario), preference(scenario)[0])
    })
  )

  it.effect("rendezvous depends on no order, moves to a new target only, and from a removed one only", () =>
    forAll((scenario) => {
      const chosen = choose(Placement.rendezvous, scenario)
      const reversed = { ...scenario, targets: scenario.targets.toReversed() }
      assert.strictEqual(choose(Placement.rendezvous, reversed), chosen)
      for (const { id } of scenario.targets) {
        const without = choose(Placement.rendezvous, others(scenario, id))
        assert.strictEqual(without, id === chosen ? preference(scenario)[1] : chosen)
      }
    })
  )

  it.effect("a heavier weight loses a target nothing", () =>
    forAll((scenario) => {
      const chosen = choose(Placement.rendezvous, scenario)
      const heavier = scenario.targets.map((target) =>
        target.id === chosen ? { ...target, weight: target.weight * 3 } : target
      )
      assert.strictEqual(choose(Placement.rendezvous, { ...scenario, targets: heavier }), chosen)
    })
  )

  it.effect("least loaded is the first by load or bindings, the other, and id", () =>
    forAll((scenario) => {
      assert.strictEqual(choose(Placement.leastLoaded(scenario), scenario), leastLoaded(scenario))
    })
  )

  it.effect("two choices are a lottery with weights for tickets", () =>
    forAll((scenario) => {
      assert.strictEqual(choose(Placement.twoChoices(scenario), scenario), twoChoices(scenario))
    })
  )

  it.effect("two choices never take the heaviest of three or more, if all differ", () =>
    forAll((scenario) => {
      const targets = scenario.targets.map((target, i) => ({ ...target, weight: 1, load: i }))
      const chosen = choose(Placement.twoChoices(), { ...scenario, targets })
      if (targets.length > 1) assert.notStrictEqual(chosen, targets.at(-1)?.id)
    })
  )

  it.effect("bounded loads take the first in the order of rendezvous that is not full", () =>
    forAll((scenario) => {
      assert.strictEqual(choose(Placement.boundedLoads(scenario), scenario), boundedLoads(scenario))
    })
  )

  it.effect("bounded loads take somebody, and leave nobody above the bound", () =>
    forAll((scenario) => {
      const { by, c, targets } = scenario
      const weights = sum(targets.map(({ weight }) => weight))
      const counts = new Map(targets.map((target) => [target.id, target[by]]))
      for (let i = 0; i < 30; i++) {
        const now = targets.map((target) => ({ ...target, [by]: counts.get(target.id) ?? 0 }))
        const id = choose(Placement.boundedLoads({ by, c }), { ...scenario, key: `${i}`, targets: now })
        const chosen = targets.find((target) => target.id === id)
        assert.isDefined(chosen)
        if (chosen === undefined) return
        const count = (counts.get(chosen.id) ?? 0) + 1
        counts.set(chosen.id, count)
        const total = sum([...counts.values()])
        assert.isAtMost(count, Math.ceil((c * total * chosen.weight) / weights + 1e-9))
      }
    })
  )

  it.effect("round robin gives each its turn", () =>
    forAll((scenario) => {
      const { targets, turn } = scenario
      const round = targets.map((_, i) => choose(Placement.roundRobin, { ...scenario, turn: turn + i }))
      assert.sameMembers(
        round,
        targets.map(({ id }) => id)
      )
      assert.strictEqual(choose(Placement.roundRobin, scenario), targets[turn % targets.length]?.id)
    })
  )

  it.effect("a custom function is asked once, about this key and these targets", () =>
    forAll((scenario) => {
      const asked: Array<unknown> = []
      const last = Placement.custom((...question) => {
        asked.push(question)
        return question[1].at(-1)?.id
      })
      assert.strictEqual(choose(last, scenario), scenario.targets.at(-1)?.id)
      assert.deepStrictEqual(asked, [[scenario.key, scenario.targets]])
    })
  )
})
