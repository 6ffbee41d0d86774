/**
 * The calls that wait, and which of them a worker takes next: the first by {@link FairQueue}, of those it may run. Calls of one session run
 * one at a time and in order, however many calls their worker runs at once; calls of a function with a limit wait beside the others while as
 * many of them run.
 */
import * as LinkedQueue from "../internal/LinkedQueue.ts"
import type { Worker } from "../worker/Worker.ts"
import * as FairQueue from "./FairQueue.ts"
import type { Request } from "./Request.ts"
import type { Entry } from "./Sessions.ts"

/** The calls that wait. Times are the milliseconds of the pool's timers. */
export interface Backlog {
  /** Whether the call would have to wait for another one of its session, or of its function. */
  readonly mustWait: (request: Request) => boolean
  /** Puts a call among the others. */
  readonly add: (request: Request, now: number) => void
  /** Puts a call that was started back where it came from. */
  readonly putBack: (request: Request, now: number) => void
  /** A call goes to its worker; its session is taken until {@link Backlog.finish}. */
  readonly start: (request: Request, now: number) => void
  /** A call was answered, or its worker is gone: the next of its session, or of its function, may run. */
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

/** The calls of one session: the one whose turn it is runs, or waits for room on the worker; the others wait for it. */
interface Lane {
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
  const lanes = new Map<Entry, Lane>()
  let size = 0
  // Since when there is a call that any worker may take.
  let since = 0

  const limitOf = ({ session, target }: Request): Limited | undefined =>
    session === undefined && limited.size > 0 ? limited.get(target) : undefined

  const laneOf = (session: Entry): Lane =>
    lanes.get(session) ?? added(lanes, session, { turn: undefined, line: LinkedQueue.make() })

  const turnsOf = (worker: Worker): Group => turns.get(worker) ?? added(turns, worker, FairQueue.group())

  const sharedSize = (): number => {
    let count = free.size
    for (const { group } of limited.values()) count += group.size
    return count
  }

  const enter = (group: Group, request: Request, now: number): void => {
    if (request.session === undefined && sharedSize() === 0) since = now
    const { arrivedAt = now, key, order, priority } = request
    request.arrivedAt = arrivedAt
    const member = FairQueue.add(queue, group, { value: request, key, priority, arrivedAt, order }, now)
    request.place = { _tag: "Queued", member }
  }

  const endTurn = (request: Request): void => {
    const { session } = request
    const lane = session === undefined ? undefined : lanes.get(session)
    if (session === undefined || lane === undefined || lane.turn !== request) return
    const next = (lane.turn = LinkedQueue.shift(lane.line))
    if (next === undefined) return void lanes.delete(session)
    // It came before others that wait for this worker already.
    enter(turnsOf(session.worker), next, next.arrivedAt ?? 0)
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
    const own = turns.get(worker)
    return own === undefined ? undefined : FairQueue.first(own)
  }

  return {
    mustWait: (request) => {
      const { session } = request
      if (session !== undefined) return lanes.has(session)
      const own = limitOf(request)
      return own !== undefined && own.running >= own.limit
    },
    add: (request, now) => {
      const { session } = request
      size++
      if (session === undefined) return enter(limitOf(request)?.group ?? free, request, now)
      const lane = laneOf(session)
      if (lane.turn !== undefined) {
        request.arrivedAt = now
        request.place = { _tag: "Behind", node: LinkedQueue.push(lane.line, request) }
        return
      }
      lane.turn = request
      enter(turnsOf(session.worker), request, now)
    },
    putBack: (request, now) => {
      enter(limitOf(request)?.group ?? free, request, now)
      size++
    },
    start: (request, now) => {
      const { place, session } = request
      if (place._tag === "Queued") {
        FairQueue.take(queue, place.member, now)
        size--
      }
      if (session !== undefined) laneOf(session).turn = request
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
    next: (worker) => firstShared(firstOf(worker))?.value,
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
      ...allOf([turnsOf(worker)]),
      ...[...lanes].flatMap(([session, { line }]) =>
        session.worker === worker ? LinkedQueue.values(line) : []
      )
    ],
    forget: (worker) => void turns.delete(worker),
    all: () => [
      ...allOf([...sharedGroups(), ...turns.values()]),
      ...[...lanes.values()].flatMap(({ line }) => LinkedQueue.values(line))
    ],
    size: () => size
  }
}

const added = <K, V>(map: Map<K, V>, key: K, value: V): V => {
  map.set(key, value)
  return value
}
