/**
 * A binary heap whose members know their place, so that any of them can be taken out, or moved when its order has changed, in logarithmic
 * time.
 */

/** What a heap holds; `index` belongs to the heap: the place in it, or -1 outside. */
export interface Member {
  index: number
}

/** A heap; its first member is `members[0]`. */
export interface Heap<A extends Member> {
  readonly members: Array<A>
  /** Whether `a` comes before `b`. */
  readonly before: (a: A, b: A) => boolean
}

/** An empty heap. */
export const make = <A extends Member>(before: (a: A, b: A) => boolean): Heap<A> => ({ members: [], before })

/** Adds a member. */
export const insert = <A extends Member>(heap: Heap<A>, member: A): void => {
  heap.members.push(member)
  rise(heap, member, heap.members.length - 1)
}

/** Takes a member out; one that is not in it is left alone. */
export const remove = <A extends Member>(heap: Heap<A>, member: A): void => {
  const { index } = member
  if (index < 0) return
  member.index = -1
  const last = heap.members.pop()
  if (last === undefined || last === member) return
  last.index = index
  update(heap, last)
}

/** Moves a member whose order has changed. */
export const update = <A extends Member>(heap: Heap<A>, member: A): void => {
  const { index } = member
  if (rise(heap, member, index) === index) sink(heap, member, index)
}

const place = <A extends Member>({ members }: Heap<A>, member: A, index: number): void => {
  members[index] = member
  member.index = index
}

const rise = <A extends Member>(heap: Heap<A>, member: A, from: number): number => {
  let index = from
  while (index > 0) {
    const up = (index - 1) >> 1
    const parent = heap.members[up]
    if (parent === undefined || !heap.before(member, parent)) break
    place(heap, parent, index)
    index = up
  }
  place(heap, member, index)
  return index
}

const sink = <A extends Member>(heap: Heap<A>, member: A, from: number): void => {
  const { before, members } = heap
  let index = from
  for (;;) {
    const left = members[2 * index + 1]
    const right = members[2 * index + 2]
    const child = left !== undefined && right !== undefined && before(right, left) ? right : left
    if (child === undefined || !before(child, member)) break
    const down = child.index
    place(heap, child, index)
    index = down
  }
  place(heap, member, index)
}
