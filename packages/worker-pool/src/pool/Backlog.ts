/**
 * The calls that wait, and which of them a worker takes next: the first by {@link FairQueue}, of those it may run. Calls of one session run
 * one at a time and in order, however many calls their worker runs at once; calls of a function with a limit wait beside the others while as
 * many of them run. What is broadcast to a worker likewise runs one at a time and in order, and before all else.
 */
import * as LinkedQueue from "../internal/LinkedQueue.ts"
import type { Worker } from "../worker/Worker.ts"
import * as FairQueue from "./FairQueue.ts"
import * as Requests from "./Request.ts"
import type { Request } from "./Request.ts"

/** The calls that wait. Times are the milliseconds of the pool's timers. */
export interface Backlog {
  /** Whether the call would have to wait for another one of its lane, or of its function. */
  readonly mustWait: (request: Request) => boolean
  /** Puts a call among the others. */
  readonly add: (request: Request, now: number) => void
  /** Puts a call that was started back where it came from. */
  readonly putBack: (request: Request, now: number) => void
  /** A call goes to its worker; its lane is taken until {@link Backlog.finish}. */
  readonly start: (request: Request, now: number) => void
  /** A call was answered, or its worker is gone: the next of its lane, or of its function, may run. */
  readonly finish: (request: Request) => void
  /** A call leaves without having run. */
  readonly remove: (request: Request) => void
  /** The call that this worker shall run next; it stays until it is started or removed. */
  readonly next: (worker: Worker) => Request | undefined
  /** The same of those that only this worker can run. */
  readonly nextOf: (worker: Worker) => Request | undefined
  /** Whether a call waits that any worker may run now. */
  readonly hasNext: () => boolean
  /** The calls that wait and that any worker could run now; and since when there has been one that any worker may take. */
  readonly waiting: () => { readonly count: number; readonly since: number }
  /** Every call that any worker may take. */
  readonly shared: () => ReadonlyArray<Request>
  /** Every call that waits for this worker alone. */
  readonly pinnedTo: (worker: Worker) => ReadonlyArray<Request>
  /** Every call that waits. */
  readonly all: () => ReadonlyArray<Request>
  /** A worker is gone, and nothing waits for it. */
  readonly forget: (worker: Worker) => void
  readonly size: () => number
}

/** What a backlog is made of. */
export interface BacklogOptions {
  /** Calls of each key in a turn; 1 for those not named. */
  readonly weights: { readonly [key: string]: number }
  /** Most calls of each function that run at once; no limit for those not named. */
  readonly limits: { readonly [target: string]: number }
}

/** The calls of one lane, such as a session: the one whose turn it is runs, or waits for room on the worker; the others wait for it. */
interface Line {
  turn: Request | undefined
  readonly line: LinkedQueue.LinkedQueue<Request>
}

type Group = FairQueue.Group<Request>

/** The calls of one function with a limit. */
interface Limited {
  readonly group: Group
  readonly limit: number
  /** Those that workers have. */
  running: number
}

/** Makes an empty one. */
export const make = (options: BacklogOptions): Backlog => {
  const queue = FairQueue.make<Request>(options.weights)
  const free: Group = FairQueue.group()
  const limited = new Map<string, Limited>(
    Object.entries(options.limits).map(([target, limit]) => [
      target,
      { group: FairQueue.group(), limit, running: 0 }
    ])
  )
  const turns = new Map<Worker, Group>()
  /** What was broadcast and waits, by the worker it waits for. */
  const broadcasts = new Map<Worker, Group>()
  const lines = new Map<Requests.Lane, Line>()
  let size = 0
  // Since when there is a call that any worker may take.
  let since = 0

  const limitOf = (request: Request): Limited | undefined =>
    limited.size > 0 && Requests.laneOf(request) === undefined ? limited.get(request.target) : undefined

  const lineOf = (lane: Requests.Lane): Line =>
    lines.get(lane) ?? added(lines, lane, { turn: undefined, line: LinkedQueue.make() })

  const groupOf = (groups: Map<Worker, Group>, worker: Worker): Group =>
    groups.get(worker) ?? added(groups, worker, FairQueue.group())

  /** Where a call waits whose turn it is in its lane. */
  const turnOf = ({ broadcast }: Request, { worker }: Requests.Lane): Group =>
    groupOf(broadcast === undefined ? turns : broadcasts, worker)

  const sharedSize = (): number => {
    let count = free.size
    for (const { group } of limited.values()) count += group.size
    return count
  }

  const enter = (group: Group, request: Request, now: number): void => {
    if (sharedSize() === 0 && Requests.laneOf(request) === undefined) since = now
    const { arrivedAt = now, key, order, priority } = request
    request.arrivedAt = arrivedAt
    const member = FairQueue.add(queue, group, { value: request, key, priority, arrivedAt, order }, now)
    request.place = { _tag: "Queued", member }
  }

  const endTurn = (request: Request): void => {
    const lane = Requests.laneOf(request)
    const own = lane === undefined ? undefined : lines.get(lane)
    if (lane === undefined || own === undefined || own.turn !== request) return
    const next = (own.turn = LinkedQueue.shift(own.line))
    if (next === undefined) return void lines.delete(lane)
    // It came before others that wait for this worker already.
    enter(turnOf(next, lane), next, next.arrivedAt ?? 0)
  }

  const allOf = (groups: Iterable<Group>): Array<Request> => [...groups].flatMap(FairQueue.values)
  const sharedGroups = (): Array<Group> => [free, ...[...limited.values()].map(({ group }) => group)]

  /** The first of those that any worker may run, and `other`. */
  const firstShared = (other?: FairQueue.Member<Request>): FairQueue.Member<Request> | undefined => {
    let best = FairQueue.first(free, other)
    for (const { group, limit, running } of limited.values())
      if (running < limit) best = FairQueue.first(group, best)
    return best
  }

  const firstOf = (worker: Worker): FairQueue.Member<Request> | undefined => {
    const told = broadcasts.get(worker)
    const own = told === undefined || told.size === 0 ? turns.get(worker) : told
    return own === undefined ? undefined : FairQueue.first(own)
  }

  return {
    mustWait: (request) => {
      const lane = Requests.laneOf(request)
      if (lane !== undefined) return lines.has(lane)
      const own = limitOf(request)
      return own !== undefined && own.running >= own.limit
    },
    add: (request, now) => {
      const lane = Requests.laneOf(request)
      size++
      if (lane === undefined) return enter(limitOf(request)?.group ?? free, request, now)
      const own = lineOf(lane)
      if (own.turn !== undefined) {
        request.arrivedAt = now
        request.place = { _tag: "Behind", node: LinkedQueue.push(own.line, request) }
        return
      }
      own.turn = request
      enter(turnOf(request, lane), request, now)
    },
    putBack: (request, now) => {
      enter(limitOf(request)?.group ?? free, request, now)
      size++
    },
    start: (request, now) => {
      const { place } = request
      const lane = Requests.laneOf(request)
      if (place._tag === "Queued") {
        FairQueue.take(queue, place.member, now)
        size--
      }
      if (lane !== undefined) lineOf(lane).turn = request
      const own = limitOf(request)
      if (own !== undefined) own.running++
    },
    finish: (request) => {
      const own = limitOf(request)
      if (own !== undefined) own.running--
      endTurn(request)
    },
    remove: (request) => {
      const { place } = request
      if (place._tag === "Queued") {
        FairQueue.remove(queue, place.member)
      } else if (place._tag === "Behind") LinkedQueue.remove(place.node)
      else return
      size--
      endTurn(request)
    },
    next: (worker) => {
      const own = firstOf(worker)
      return own?.value.broadcast === undefined ? firstShared(own)?.value : own.value
    },
    nextOf: (worker) => firstOf(worker)?.value,
    hasNext: () => firstShared() !== undefined,
    waiting: () => {
      let count = free.size
      for (const { group, limit, running } of limited.values())
        count += Math.max(0, Math.min(group.size, limit - running))
      return { count, since }
    },
    shared: () => allOf(sharedGroups()),
    pinnedTo: (worker) => [
      ...allOf([groupOf(broadcasts, worker), groupOf(turns, worker)]),
      ...[...lines].flatMap(([lane, { line }]) => (lane.worker === worker ? LinkedQueue.values(line) : []))
    ],
    forget: (worker) => {
      turns.delete(worker)
      broadcasts.delete(worker)
    },
    all: () => [
      ...allOf([...sharedGroups(), ...broadcasts.values(), ...turns.values()]),
      ...[...lines.values()].flatMap(({ line }) => LinkedQueue.values(line))
    ],
    size: () => size
  }
}

const added = <K, V>(map: Map<K, V>, key: K, value: V): V => {
  map.set(key, value)
  return value
}
