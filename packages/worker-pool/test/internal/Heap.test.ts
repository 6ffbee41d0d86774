import { assert, it } from "@effect/vitest"
import * as Heap from "../../src/internal/Heap.ts"

it("under a random mix of adding, taking out and moving, the first is always the least", () => {
  let seed = 3
  const random = (below: number): number =>
    Math.floor(((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31) * below)
  const heap = Heap.make<{ value: number; index: number }>((a, b) => a.value < b.value)
  const all: Array<{ value: number; index: number }> = []
  for (let step = 0; step < 5_000; step++) {
    const chosen = all[random(all.length)]
    switch (chosen === undefined ? 0 : random(4)) {
      case 0:
      case 1: {
        const member = { value: random(1_000), index: -1 }
        all.push(member)
        Heap.insert(heap, member)
        break
      }
      case 2:
        if (chosen === undefined) break
        all.splice(all.indexOf(chosen), 1)
        Heap.remove(heap, chosen)
        Heap.remove(heap, chosen)
        break
      default:
        if (chosen === undefined) break
        chosen.value = random(1_000)
        Heap.update(heap, chosen)
    }
    assert.strictEqual(heap.members.length, all.length)
    assert.strictEqual(
      heap.members[0]?.value,
      all.length === 0 ? undefined : Math.min(...all.map(({ value }) => value))
    )
  }
})
