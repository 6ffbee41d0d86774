import { assert, it } from "@effect/vitest"
import * as LinkedQueue from "../../src/internal/LinkedQueue.ts"

const drain = <A>(queue: LinkedQueue.LinkedQueue<A>): Array<A> => {
  const out: Array<A> = []
  for (let value = LinkedQueue.shift(queue); value !== undefined; value = LinkedQueue.shift(queue))
    out.push(value)
  return out
}

it("first in, first out", () => {
  const queue = LinkedQueue.make<number>()
  for (const value of [1, 2, 3]) LinkedQueue.push(queue, value)
  assert.strictEqual(queue.size, 3)
  assert.deepStrictEqual(drain(queue), [1, 2, 3])
  assert.strictEqual(queue.size, 0)
})

it("a member leaves from the head, the middle and the tail; leaving twice is leaving once", () => {
  const queue = LinkedQueue.make<number>()
  const nodes = [1, 2, 3, 4, 5].map((value) => LinkedQueue.push(queue, value))
  for (const index of [0, 2, 4, 2]) {
    const node = nodes[index]
    if (node !== undefined) LinkedQueue.remove(node)
  }
  assert.strictEqual(queue.size, 2)
  LinkedQueue.push(queue, 6)
  assert.deepStrictEqual(drain(queue), [2, 4, 6])
})
