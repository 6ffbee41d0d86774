import { assert, describe, it } from "@effect/vitest"
import { Placement } from "@fireweed/session-affinity"
import { fmix32, fnv1a } from "../src/internal/hash.ts"

const target = (id: string, options: Partial<Omit<Placement.Target, "id">> = {}): Placement.Target => ({
  id,
  weight: 1,
  load: 0,
  bindings: 0,
  ...options
})
const targets = (count: number): Array<Placement.Target> =>
  Array.from({ length: count }, (_, i) => target(`worker-${i}`))
const keys = (count: number): Array<string> => Array.from({ length: count }, (_, i) => `session-${i}`)

const place = (key: string, among: ReadonlyArray<Placement.Target>): string => {
  const chosen = Placement.choose(Placement.rendezvous, key, among)
  // By the hundred thousand, an assertion would take longer than the placement.
  if (chosen === undefined) throw new Error("placed nowhere")
  return chosen.id
}
const count = (placed: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const id of placed) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

describe("hash", () => {
  it("is FNV-1a, by its published vectors", () => {
    assert.strictEqual(fnv1a(""), 0x811c9dc5)
    assert.strictEqual(fnv1a("a"), 0xe40c292c)
    assert.strictEqual(fnv1a("foobar"), 0xbf9cf968)
  })

  it("continues an earlier hash", () => {
    assert.strictEqual(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"))
  })

  it("is finished as MurmurHash3 is: its hash of nothing with seed 1", () => {
    assert.strictEqual(fmix32(1), 0x514e28b7)
  })
})

describe("rendezvous", () => {
  it("spreads 100,000 keys over 10 equal targets with max/mean <= 1.05", () => {
    for (const prefix of ["session-", "", "/tenants/日本/", "0000000000000000"]) {
      const among = targets(10)
      const counts = count(keys(100_000).map((key) => place(prefix + key, among)))
      assert.strictEqual(counts.size, 10)
      assert.isAtMost(Math.max(...counts.values()) / 10_000, 1.05)
    }
  })

  it("depends on the set of targets, not on their order", () => {
    const forth = targets(7)
    const back = forth.toReversed()
    for (const key of keys(1_000)) assert.strictEqual(place(key, forth), place(key, back))
  })

  it("stays what it is: processes of different releases agree", () => {
    assert.deepStrictEqual(
      keys(8).map((key) => place(key, targets(5))),
      VECTOR
    )
  })

  it("moves only what a new target attracts, about its share", () => {
    const before = targets(9)
    const after = targets(10)
    const moved = keys(20_000).filter((key) => place(key, before) !== place(key, after))
    for (const key of moved) assert.strictEqual(place(key, after), "worker-9")
    assert.closeTo(moved.length, 2_000, 200)
  })

  it("moves only what a removed target had, evenly over the rest", () => {
    const before = targets(10)
    const after = before.slice(1)
    const moved = keys(20_000).filter((key) => place(key, before) !== place(key, after))
    for (const key of moved) assert.strictEqual(place(key, before), "worker-0")
    const counts = count(moved.map((key) => place(key, after)))
    assert.isAtMost(Math.max(...counts.values()) / (moved.length / 9), 1.25)
  })

  it("gives each target its share by weight", () => {
    const weighted = [target("a"), target("b", { weight: 2 }), target("c", { weight: 5 })]
    const counts = count(keys(80_000).map((key) => place(key, weighted)))
    assert.closeTo(counts.get("a") ?? 0, 10_000, 500)
    assert.closeTo(counts.get("b") ?? 0, 20_000, 800)
    assert.closeTo(counts.get("c") ?? 0, 50_000, 1_000)
  })

  it("shares fairly between ids whose hashes collide", () => {
    assert.strictEqual(fnv1a("costarring"), fnv1a("liquid"))
    const counts = count(keys(10_000).map((key) => place(key, [target("costarring"), target("liquid")])))
    assert.closeTo(counts.get("liquid") ?? 0, 5_000, 300)
  })
})

const choose = (strategy: Placement.Strategy, among: ReadonlyArray<Placement.Target>) =>
  Placement.choose(strategy, "key", among)?.id

describe("least loaded", () => {
  it("takes the fewest leases, or the fewest bindings", () => {
    const among = [target("a", { load: 1, bindings: 1 }), target("b", { load: 0, bindings: 2 })]
    assert.strictEqual(choose(Placement.leastLoaded(), among), "b")
    assert.strictEqual(choose(Placement.leastLoaded({ by: "bindings" }), among), "a")
  })

  it("decides between equals by the other count, then by id", () => {
    assert.strictEqual(choose(Placement.leastLoaded(), [target("a", { bindings: 1 }), target("b")]), "b")
    assert.strictEqual(choose(Placement.leastLoaded(), [target("b"), target("a")]), "a")
  })

  it("counts relative to weight", () => {
    const among = [target("small", { load: 1 }), target("large", { load: 2, weight: 4 })]
    assert.strictEqual(choose(Placement.leastLoaded(), among), "large")
    assert.strictEqual(choose(Placement.leastLoaded(), [target("a"), target("b", { weight: 2 })]), "b")
  })
})

/** Answers what it was given, one after the other, and then throws. */
const draws = (...numbers: ReadonlyArray<number>) => {
  const left = [...numbers]
  return () => {
    const next = left.shift()
    if (next === undefined) throw new Error("drew once too often")
    return next
  }
}
const drawing = (among: ReadonlyArray<Placement.Target>, random: () => number, by?: "bindings") =>
  Placement.choose(Placement.twoChoices({ by }), "key", among, { random })?.id

describe("two choices", () => {
  it("takes the lighter of two different ones, by leases or by bindings", () => {
    const among = [target("a", { load: 1 }), target("b", { bindings: 1 }), target("idle")]
    assert.strictEqual(drawing(among, draws(0, 0)), "b")
    assert.strictEqual(drawing(among, draws(0, 0), "bindings"), "a")
    assert.strictEqual(drawing(among, draws(0.5, 0)), "b")
    assert.strictEqual(drawing(among, draws(0.99, 0)), "idle")
    assert.strictEqual(drawing(among, draws(0, 0.99)), "idle")
  })

  it("of equals takes the one drawn first", () => {
    assert.strictEqual(drawing([target("a"), target("b")], draws(0.9, 0)), "b")
    assert.strictEqual(drawing([target("a"), target("b")], draws(0, 0)), "a")
  })

  it("draws once where there is one", () => {
    assert.strictEqual(drawing([target("a")], draws(0.5)), "a")
  })

  it("draws by weight, and compares relative to it", () => {
    const among = [target("small", { load: 1 }), target("large", { load: 2, weight: 9 })]
    assert.strictEqual(drawing(among, draws(0, 0)), "large")
    const three = [target("a", { load: 9 }), target("b", { load: 9, weight: 8 }), target("c")]
    // 0.85 of 10 lies in "b"; 0.6 of the other 2 in "c".
    assert.strictEqual(drawing(three, draws(0.85, 0.6)), "c")
  })

  it("says what it needs", () => {
    assert.throws(() => choose(Placement.twoChoices(), targets(2)), /need `random`/)
  })
})

describe("bounded loads", () => {
  it("is rendezvous while nobody is full", () => {
    const among = targets(7)
    for (const key of keys(1_000)) {
      assert.strictEqual(Placement.choose(Placement.boundedLoads(), key, among)?.id, place(key, among))
    }
  })

  it("passes over who would have more than c times the mean, for the next in the key's order", () => {
    for (const key of keys(100)) {
      const first = place(key, targets(4))
      const rest = targets(4).filter(({ id }) => id !== first)
      const full = targets(4).map((other) => (other.id === first ? { ...other, bindings: 2 } : other))
      // 2 < 1.25 * 3 / 4 is false for the first, and 0 is below it.
      assert.strictEqual(Placement.choose(Placement.boundedLoads(), key, full)?.id, place(key, rest))
    }
  })

  it("bounds by weight, and by load if asked", () => {
    const among = [target("a", { bindings: 4, weight: 2, load: 9 }), target("b", { bindings: 2 })]
    // 7 with the new one: the bounds are 1.25 * 7 / 3 = 2.9 and 5.8.
    const chosen = keys(50).map((key) => Placement.choose(Placement.boundedLoads(), key, among)?.id)
    assert.sameMembers([...new Set(chosen)], ["a", "b"])
    for (const key of keys(50)) {
      assert.strictEqual(Placement.choose(Placement.boundedLoads({ by: "load" }), key, among)?.id, "b")
    }
  })

  it("takes who has exactly the bound for full", () => {
    // 4 with the new one: the bound is 1.5 * 4 / 2 = 3.
    const among = [target("a", { bindings: 3 }), target("b")]
    for (const key of keys(50)) {
      assert.strictEqual(Placement.choose(Placement.boundedLoads({ c: 1.5 }), key, among)?.id, "b")
    }
  })

  it("always finds somebody, whatever c above 1", () => {
    const among = [target("a", { bindings: 5 }), target("b", { bindings: 5 }), target("c", { bindings: 5 })]
    for (const c of [1.0001, 1.25, 1e9]) assert.isDefined(choose(Placement.boundedLoads({ c }), among))
    const heavy = among.map((one) => ({ ...one, load: 1e308 }))
    assert.isDefined(choose(Placement.boundedLoads({ by: "load" }), heavy))
  })
})

describe("round robin", () => {
  it("takes one target after the other", () => {
    const turns = [0, 1, 2, 3].map(
      (turn) => Placement.choose(Placement.roundRobin, "k", targets(3), { turn })?.id
    )
    assert.deepStrictEqual(turns, ["worker-0", "worker-1", "worker-2", "worker-0"])
  })
})

describe("custom", () => {
  it("takes what the function names", () => {
    const last = Placement.custom((_key, among) => among.at(-1)?.id)
    assert.strictEqual(Placement.choose(last, "k", targets(3))?.id, "worker-2")
  })

  it("takes none if the function says so", () => {
    assert.isUndefined(
      Placement.choose(
        Placement.custom(() => undefined),
        "k",
        targets(3)
      )
    )
  })

  it("says loudly that an id is not among the targets", () => {
    const wrong = Placement.custom(() => "elsewhere")
    assert.throws(() => Placement.choose(wrong, "k", targets(2)), /one of \[worker-0, worker-1\].*elsewhere/)
    assert.throws(() => Placement.choose(wrong, "k", targets(1_000)), /worker-9, \.\.\.\].*elsewhere$/)
  })
})

it("no strategy finds a target where there is none", () => {
  const never = Placement.custom(() => {
    throw new Error("asked about nothing")
  })
  const strategies = [
    Placement.rendezvous,
    Placement.leastLoaded(),
    Placement.twoChoices(),
    Placement.boundedLoads(),
    Placement.roundRobin,
    never
  ]
  for (const strategy of strategies) assert.isUndefined(Placement.choose(strategy, "k", []))
})

/** By an independent implementation, in Python. */
const VECTOR: ReadonlyArray<string> = [
  "worker-0",
  "worker-2",
  "worker-3",
  "worker-2",
  "worker-2",
  "worker-4",
  "worker-4",
  "worker-3"
]
