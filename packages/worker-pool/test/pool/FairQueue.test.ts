import { assert, describe, it } from "@effect/vitest"
import * as FairQueue from "../../src/pool/FairQueue.ts"

/** A queue of names in one group, unless another is given. */
const setUp = (weights: FairQueue.FairQueue<string>["weights"] = {}) => {
  const queue = FairQueue.make<string>(weights)
  const group = FairQueue.group<string>()
  let order = 0
  const add = (
    value: string,
    more: { key?: string; priority?: number; at?: number; group?: FairQueue.Group<string> } = {}
  ) => {
    const { at = 0, group: into = group, key, priority = 0 } = more
    return FairQueue.add(queue, into, { value, key, priority, arrivedAt: at, order: order++ }, at)
  }
  const take = (now = 0, groups = [group]): string | undefined => {
    let member: FairQueue.Member<string> | undefined
    for (const one of groups) member = FairQueue.first(one, member)
    if (member !== undefined) FairQueue.take(queue, member, now)
    return member?.value
  }
  const drain = (now = 0): Array<string> => {
    const all: Array<string> = []
    for (let value = take(now); value !== undefined; value = take(now)) all.push(value)
    return all
  }
  return { queue, group, add, take, drain }
}

describe("priority", () => {
  it("without any, and without keys: first come, first served", () => {
    const { add, drain } = setUp()
    for (const name of ["1", "2", "3", "4"]) add(name)
    assert.deepStrictEqual(drain(), ["1", "2", "3", "4"])
  })

  it("a step is worth a second of waiting, to the millisecond", () => {
    const { add, drain } = setUp()
    add("waits since 0", { at: 0 })
    add("1 step, since 999", { at: 999, priority: 1 })
    add("1 step, since 1,000", { at: 1_000, priority: 1 })
    add("1 step, since 1,001", { at: 1_001, priority: 1 })
    add("-1 step, since -500", { at: -500, priority: -1 })
    assert.deepStrictEqual(drain(1_001), [
      "1 step, since 999",
      "waits since 0",
      "1 step, since 1,000",
      "1 step, since 1,001",
      "-1 step, since -500"
    ])
  })

  it("a call of no priority is served under an endless load of a higher one, after the seconds that this is worth", () => {
    const { add, take } = setUp()
    add("low")
    let now = 0
    // Two calls of priority 5 come in the time that one is served: what waits only ever grows.
    for (; now < 60_000; now += 10) {
      add("high", { at: now, priority: 5 })
      add("high", { at: now, priority: 5 })
      if (take(now) === "low") break
    }
    // All that came in the first 5 seconds go before: 500 steps of 2 calls, then it.
    assert.strictEqual(now, 10_000)
  })
})

describe("keys", () => {
  it("take turns, however many calls each has waiting", () => {
    const { add, drain } = setUp()
    for (let call = 1; call <= 5; call++) add(`greedy ${call}`, { key: "greedy" })
    for (const key of ["a", "b"]) for (let call = 1; call <= 2; call++) add(`${key} ${call}`, { key })
    assert.deepStrictEqual(drain(), [
      "greedy 1",
      "a 1",
      "b 1",
      "greedy 2",
      "a 2",
      "b 2",
      "greedy 3",
      "greedy 4",
      "greedy 5"
    ])
  })

  it("calls without a key take turns as one key", () => {
    const { add, drain } = setUp()
    for (const name of ["1", "2", "3"]) add(name)
    add("a", { key: "a" })
    assert.deepStrictEqual(drain(), ["1", "a", "2", "3"])
  })

  it("with a weight have as many calls in a turn", () => {
    const { add, drain } = setUp({ a: 3 })
    for (let call = 1; call <= 5; call++) for (const key of ["a", "b"]) add(`${key}${call}`, { key })
    assert.deepStrictEqual(drain().join(" "), "a1 a2 a3 b1 a4 a5 b2 b3 b4 b5")
  })

  it("the names of an object's own things are no weights", () => {
    const { add, drain } = setUp({})
    for (const call of [1, 2]) for (const key of ["constructor", "__proto__"]) add(`${key} ${call}`, { key })
    assert.deepStrictEqual(drain(), ["constructor 1", "__proto__ 1", "constructor 2", "__proto__ 2"])
  })

  it("one that comes back stands behind the others, and gains nothing by leaving", () => {
    const { add, take } = setUp()
    for (const key of ["a", "b", "c"]) add(key, { key })
    assert.strictEqual(take(), "a")
    add("a again", { key: "a" })
    assert.deepStrictEqual([take(), take(), take()], ["b", "c", "a again"])
  })

  it("of a higher priority go first, until another has waited for its turn for as many seconds more", () => {
    const { add, take } = setUp()
    for (let call = 0; call < 10; call++) add("high", { key: "a", priority: 2 })
    for (let call = 0; call < 2; call++) add("low", { key: "b" })
    assert.strictEqual(take(0), "high")
    assert.strictEqual(take(2_000), "high")
    assert.strictEqual(take(2_001), "low", "a had its turn 2 seconds after b, which was first")
    assert.strictEqual(take(2_002), "high")
  })

  it("an old backlog of one key holds up no call of another", () => {
    const { add, take } = setUp()
    for (let call = 0; call < 100; call++) add("greedy", { key: "greedy" })
    for (let now = 0; now < 60_000; now += 1_000) take(now)
    add("late", { key: "other", at: 60_000, priority: 2 })
    assert.strictEqual(take(60_000), "late")
  })

  it("leave nothing behind when nothing of theirs waits", () => {
    const { add, group, queue, take } = setUp()
    const members = Array.from({ length: 1_000 }, (_, index) => add(`${index}`, { key: `${index % 100}` }))
    assert.strictEqual(queue.keys.size, 100)
    for (const member of members.slice(0, 900)) {
      FairQueue.remove(queue, member)
      FairQueue.remove(queue, member)
    }
    for (let call = 0; call < 100; call++) take()
    assert.deepStrictEqual([queue.keys.size, group.size, group.lines.members.length], [0, 0, 0])
  })
})

describe("groups", () => {
  it("that are not asked for are passed over, and a key's turn counts in all", () => {
    const { add, group, take } = setUp()
    const few = FairQueue.group<string>()
    add("a1", { key: "a", group: few })
    add("a2", { key: "a" })
    add("b1", { key: "b" })
    add("a3", { key: "a", group: few })
    assert.strictEqual(take(0, [group]), "a2")
    assert.strictEqual(take(0, [group, few]), "b1", "a has had its turn")
    assert.deepStrictEqual([take(0, [group, few]), take(0, [group])], ["a1", undefined])
    assert.deepStrictEqual(FairQueue.values(few), ["a3"])
  })
})

/** The rules, word for word, over a list. */
interface Waiting {
  readonly name: string
  readonly key: string | undefined
  readonly priority: number
  readonly at: number
  readonly order: number
  readonly group: number
}
class Model {
  waiting: Array<Waiting> = []
  readonly keys = new Map<string | undefined, { at: number; turn: number; left: number }>()
  turn = 0
  readonly weights: { readonly [key: string]: number }
  constructor(weights: { readonly [key: string]: number }) {
    this.weights = weights
  }
  turnOver(key: string | undefined, at: number): void {
    this.keys.set(key, { at, turn: ++this.turn, left: this.weights[key ?? ""] ?? 1 })
  }
  add(call: Waiting): void {
    if (!this.keys.has(call.key)) this.turnOver(call.key, call.at)
    this.waiting.push(call)
  }
  remove(name: string): void {
    this.waiting = this.waiting.filter((call) => call.name !== name)
    for (const key of this.keys.keys())
      if (!this.waiting.some((call) => call.key === key)) this.keys.delete(key)
  }
  next(): Waiting | undefined {
    const byRank = (a: Waiting, b: Waiting): number =>
      a.at - a.priority * 1_000 - (b.at - b.priority * 1_000) || a.order - b.order
    const firsts = [...this.keys.keys()].flatMap(
      (key) => this.waiting.filter((call) => call.key === key).toSorted(byRank)[0] ?? []
    )
    const since = (call: Waiting): number => (this.keys.get(call.key)?.at ?? 0) - call.priority * 1_000
    const turn = (call: Waiting): number => this.keys.get(call.key)?.turn ?? 0
    return firsts.toSorted((a, b) => since(a) - since(b) || turn(a) - turn(b))[0]
  }
  take(call: Waiting, now: number): void {
    this.remove(call.name)
    const key = this.keys.get(call.key)
    if (key !== undefined && --key.left <= 0) this.turnOver(call.key, now)
  }
}

it("gives the calls in the order of the rules, under a random mix of all of it", () => {
  let seed = 5
  const random = (below: number): number =>
    Math.floor(((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31) * below)
  const weights = { a: 3, b: 2 }
  const queue = FairQueue.make<string>(weights)
  const group = FairQueue.group<string>()
  const model = new Model(weights)
  const members = new Map<string, FairQueue.Member<string>>()
  let now = 0
  let taken = 0
  for (let order = 0; order < 6_000; order++) {
    const known = [...members.keys()][random(members.size)]
    switch (random(5)) {
      case 0:
      case 1: {
        const call = {
          name: `${order}`,
          key: [undefined, "a", "b", "c", "d"][random(5)],
          priority: random(4) - 1,
          at: now,
          order,
          group: 0
        }
        model.add(call)
        const { at: arrivedAt, key, name: value, priority } = call
        members.set(value, FairQueue.add(queue, group, { value, key, priority, arrivedAt, order }, now))
        break
      }
      case 2: {
        const member = known === undefined ? undefined : members.get(known)
        if (known === undefined || member === undefined || random(3) > 0) break
        members.delete(known)
        model.remove(known)
        FairQueue.remove(queue, member)
        break
      }
      case 3: {
        const member = FairQueue.first(group)
        const expected = model.next()
        assert.strictEqual(member?.value, expected?.name)
        if (member === undefined || expected === undefined) break
        members.delete(member.value)
        model.take(expected, now)
        FairQueue.take(queue, member, now)
        taken++
        break
      }
      default:
        now += random(400)
    }
    assert.strictEqual(queue.keys.size, model.keys.size)
  }
  assert.isAbove(taken, 1_000)
})
