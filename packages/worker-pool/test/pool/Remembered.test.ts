import { assert, it } from "@effect/vitest"
import * as Remembered from "../../src/pool/Remembered.ts"

const value = (name: string, key?: string) => ({ key, name })

const make = (limit = 10) => {
  const remembered = Remembered.make<{ readonly key: string | undefined; readonly name: string }>(limit)
  const names = (): string => {
    const done = new Set<ReturnType<typeof value>>()
    for (let next = remembered.next(done); next !== undefined; next = remembered.next(done)) done.add(next)
    return Array.from(done, ({ name }) => name).join(" ")
  }
  return { names, remembered }
}

it("values come in order, and the later of a key at the place of the earlier", () => {
  const { names, remembered } = make()
  for (const one of [value("a1", "a"), value("x"), value("b1", "b"), value("a2", "a"), value("y")])
    remembered.add(one)
  assert.strictEqual(names(), "a2 x b1 y")
  assert.deepStrictEqual(
    remembered.forget("b").map(({ name }) => name),
    ["b1"]
  )
  assert.deepStrictEqual(remembered.forget("b"), [])
  assert.strictEqual(names(), "a2 x y")
})

it("what is undone is gone, and what it took the place of is back, in whatever order", () => {
  const { names, remembered } = make()
  const [a1, a2, a3] = [value("a1", "a"), value("a2", "a"), value("a3", "a")]
  for (const one of [a1, value("x"), a2, a3]) remembered.add(one)
  assert.deepStrictEqual([remembered.has(a3), remembered.has(a2)], [true, false])
  remembered.undo(a2)
  assert.strictEqual(names(), "a3 x")
  remembered.undo(a3)
  assert.strictEqual(names(), "a1 x")
  remembered.undo(a1)
  assert.strictEqual(names(), "x")
  remembered.undo(a1)
  assert.strictEqual(names(), "x")
})

it("what is confirmed has nothing to go back to", () => {
  const { names, remembered } = make()
  const [a1, a2, a3] = [value("a1", "a"), value("a2", "a"), value("a3", "a")]
  for (const one of [a1, a2, a3]) remembered.add(one)
  assert.deepStrictEqual(remembered.confirm(a2), [a1])
  remembered.undo(a3)
  assert.strictEqual(names(), "a2")
  remembered.undo(a2)
  assert.strictEqual(names(), "")
  assert.deepStrictEqual(remembered.confirm(a2), [])
})

it("is full for what is new, and not for what takes another's place", () => {
  const { remembered } = make(2)
  remembered.add(value("a1", "a"))
  assert.isFalse(remembered.isFull(undefined))
  remembered.add(value("x"))
  assert.deepStrictEqual(
    [undefined, "b", "a"].map((key) => remembered.isFull(key)),
    [true, true, false]
  )
  assert.strictEqual(remembered.size(), 2)
})
