/**
 * A first-in-first-out queue from which any member can be taken in constant time: a caller that gives up must not be searched for, nor
 * leave a hole behind.
 */

/** A member; it knows its neighbours, and so can be in one queue at a time. */
export interface Node<A> {
  readonly value: A
  previous: Node<A> | undefined
  next: Node<A> | undefined
  queue: LinkedQueue<A> | undefined
}

/** A queue of values. */
export interface LinkedQueue<A> {
  head: Node<A> | undefined
  tail: Node<A> | undefined
  size: number
}

/** An empty queue. */
export const make = <A>(): LinkedQueue<A> => ({ head: undefined, tail: undefined, size: 0 })

/** Puts a value at the end. */
export const push = <A>(queue: LinkedQueue<A>, value: A): Node<A> => {
  const { tail } = queue
  const node: Node<A> = { value, previous: tail, next: undefined, queue }
  if (tail === undefined) queue.head = node
  else tail.next = node
  queue.tail = node
  queue.size++
  return node
}

/** Takes a member out, wherever it stands; one that is out already stays out. */
export const remove = <A>(node: Node<A>): void => {
  const { next, previous, queue } = node
  if (queue === undefined) return
  if (previous === undefined) queue.head = next
  else previous.next = next
  if (next === undefined) queue.tail = previous
  else next.previous = previous
  node.queue = undefined
  node.previous = undefined
  node.next = undefined
  queue.size--
}

/** Takes the first value. */
export const shift = <A>(queue: LinkedQueue<A>): A | undefined => {
  const { head } = queue
  if (head === undefined) return undefined
  remove(head)
  return head.value
}

/** The values from first to last, as they are now. */
export const values = <A>(queue: LinkedQueue<A>): Array<A> => {
  const all: Array<A> = []
  for (let node = queue.head; node !== undefined; node = node.next) all.push(node.value)
  return all
}
