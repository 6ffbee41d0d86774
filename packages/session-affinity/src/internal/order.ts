/** A place in an order: a node of a circular doubly linked list, so that moving to the end and leaving cost O(1). */
export class Place<A> {
  prev: Place<A> = this
  next: Place<A> = this
  readonly value: A | undefined
  constructor(value: A | undefined) {
    this.value = value
  }
}

/** An order of values: the list's sentinel, which holds no value. */
export type Order<A> = Place<A>

export const make = <A>(): Order<A> => new Place<A>(undefined)

export const first = <A>(order: Order<A>): A | undefined => order.next.value

/** Puts a place at the end, taking it out of wherever it was. */
export const append = <A>(order: Order<A>, place: Place<A>): void => {
  if (order.prev === place) return
  remove(place)
  place.prev = order.prev
  place.next = order
  order.prev.next = place
  order.prev = place
}

export const remove = <A>(place: Place<A>): void => {
  place.prev.next = place.next
  place.next.prev = place.prev
  place.prev = place
  place.next = place
}

export function* values<A>(order: Order<A>): Generator<A> {
  for (let place = order.next; place.value !== undefined; place = place.next) yield place.value
}
