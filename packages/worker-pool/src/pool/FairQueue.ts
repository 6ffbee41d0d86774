/**
 * The order in which calls that wait get their turn. Plain data and pure rules; the time is given.
 *
 * 1. *Priority, with ageing.* Of the calls of one key, the one goes first whose arrival minus `priority` x {@link STEP} is the earliest; of
 *    equals, the one that came first. So a step of priority is worth a second of waiting, and a call is only ever passed by those that came
 *    less than so many seconds after it as their priority is higher: none starves.
 * 2. *Fairness between keys.* The key goes first whose last turn, minus the priority of its first call x {@link STEP}, is the longest ago. A
 *    key that had nothing waiting has had its turn when its first call comes. So keys of equal priority take turns (round robin), however
 *    many calls each has waiting; a turn is as many calls as the key's weight.
 *
 * Calls stand in groups, and each question says which of them count: calls that may not run now cost nothing to pass over. A key takes its
 * turns across all groups. Nothing is kept of a key with no call waiting.
 */
import * as Heap from "../internal/Heap.ts"

/** A call that waits. */
export interface Member<A> extends Heap.Member {
  readonly value: A
  /** Arrival, in milliseconds, and order of arrival. */
  readonly arrivedAt: number
  readonly order: number
  readonly priority: number
  /** Arrival minus the worth of the priority. */
  readonly rank: number
  readonly line: Line<A>
}

/** The calls of one key in one group. */
interface Line<A> extends Heap.Member {
  readonly key: Key<A>
  readonly group: Group<A>
  readonly calls: Heap.Heap<Member<A>>
}

/** A key that has calls waiting. */
interface Key<A> {
  readonly name: string | undefined
  readonly lines: Array<Line<A>>
  /** When its last turn was over, in milliseconds, and which of all turns that was. */
  turnAt: number
  turn: number
  /** Calls left of this turn. */
  left: number
}

/** Calls that may run, or may not, together. */
export interface Group<A> {
  readonly lines: Heap.Heap<Line<A>>
  size: number
}

/** The calls that wait, by key. */
export interface FairQueue<A> {
  readonly keys: Map<string | undefined, Key<A>>
  readonly weights: { readonly [key: string]: number }
  turns: number
}

/** What one step of priority is worth, in milliseconds of waiting. */
export const STEP = 1_000

/** An empty queue. A key that is not among `weights` has the weight 1. */
export const make = <A>(weights: FairQueue<A>["weights"] = {}): FairQueue<A> => ({
  keys: new Map(),
  weights,
  turns: 0
})

/** An empty group. */
export const group = <A>(): Group<A> => ({ lines: Heap.make<Line<A>>(lineBefore), size: 0 })

/** A call to be added. */
export interface Arrival<A> {
  readonly value: A
  readonly key: string | undefined
  readonly priority: number
  readonly arrivedAt: number
  /** Which of all calls it is: grows from call to call. */
  readonly order: number
}

/** Adds a call to a group at the time `now`. */
export const add = <A>(queue: FairQueue<A>, group: Group<A>, arrival: Arrival<A>, now: number): Member<A> => {
  const { arrivedAt, order, priority, value } = arrival
  const key = queue.keys.get(arrival.key) ?? addKey(queue, arrival.key, now)
  const line = key.lines.find((line) => line.group === group) ?? addLine(key, group)
  const rank = arrivedAt - priority * STEP
  const member: Member<A> = { value, arrivedAt, order, priority, rank, line, index: -1 }
  Heap.insert(line.calls, member)
  group.size++
  if (line.index < 0) Heap.insert(group.lines, line)
  else if (member.index === 0) Heap.update(group.lines, line)
  return member
}

/** Takes a call out: it gives up. One that is out stays out. */
export const remove = <A>(queue: FairQueue<A>, member: Member<A>): void => {
  if (member.index < 0) return
  const { line } = member
  const { group, key } = line
  const first = member.index === 0
  Heap.remove(line.calls, member)
  group.size--
  if (line.calls.members.length > 0) {
    if (first) Heap.update(group.lines, line)
    return
  }
  Heap.remove(group.lines, line)
  key.lines.splice(key.lines.indexOf(line), 1)
  if (key.lines.length === 0) queue.keys.delete(key.name)
}

/** Takes a call out: it is its turn, at the time `now`. */
export const take = <A>(queue: FairQueue<A>, member: Member<A>, now: number): void => {
  if (member.index < 0) return
  const { key } = member.line
  remove(queue, member)
  if (--key.left > 0) return
  endTurn(queue, key, now)
  for (const line of key.lines) Heap.update(line.group.lines, line)
}

/** The call whose turn it is, of those of a group and `other`; it stays until it is taken. */
export const first = <A>({ lines }: Group<A>, other?: Member<A>): Member<A> | undefined => {
  const member = lines.members[0]?.calls.members[0]
  return member !== undefined && (other === undefined || before(member, other)) ? member : other
}

/** The calls of a group, in order of arrival. */
export const values = <A>({ lines }: Group<A>): Array<A> =>
  lines.members
    .flatMap(({ calls }) => calls.members)
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value)

const addKey = <A>(queue: FairQueue<A>, name: string | undefined, now: number): Key<A> => {
  const key: Key<A> = { name, lines: [], turnAt: now, turn: 0, left: 0 }
  endTurn(queue, key, now)
  queue.keys.set(name, key)
  return key
}

const addLine = <A>(key: Key<A>, group: Group<A>): Line<A> => {
  const line: Line<A> = { key, group, calls: Heap.make<Member<A>>(callBefore), index: -1 }
  key.lines.push(line)
  return line
}

const endTurn = <A>(queue: FairQueue<A>, key: Key<A>, now: number): void => {
  key.turnAt = now
  key.turn = ++queue.turns
  key.left =
    key.name !== undefined && Object.hasOwn(queue.weights, key.name) ? (queue.weights[key.name] ?? 1) : 1
}

const before = <A>(a: Member<A>, b: Member<A>): boolean =>
  a.line.key === b.line.key ? callBefore(a, b) : keyBefore(a, b)

const callBefore = <A>(a: Member<A>, b: Member<A>): boolean =>
  a.rank < b.rank || (a.rank === b.rank && a.order < b.order)

const keyBefore = <A>(a: Member<A>, b: Member<A>): boolean => {
  const [one, other] = [a.line.key, b.line.key]
  const [since, otherSince] = [one.turnAt - a.priority * STEP, other.turnAt - b.priority * STEP]
  return since < otherSince || (since === otherSince && one.turn < other.turn)
}

const lineBefore = <A>(a: Line<A>, b: Line<A>): boolean => {
  const [one, other] = [a.calls.members[0], b.calls.members[0]]
  return one !== undefined && (other === undefined || keyBefore(one, other))
}
