/**
 * The calls that wait, and which of them a worker takes next: the one that came first, of those it may run. Calls of one session run one
 * at a time and in order, however many calls their worker runs at once.
 */
import * as LinkedQueue from "../internal/LinkedQueue.ts"
import type { Worker } from "../worker/Worker.ts"
import type { Request } from "./Request.ts"
import type { Entry } from "./Sessions.ts"

/** The calls that wait. */
export interface Backlog {
  /** Whether the call would have to wait for another one of its session. */
  readonly mustWait: (request: Request) => boolean
  /** Puts a call at the end. */
  readonly add: (request: Request) => void
  /** Puts a call that any worker may take back where it came from. */
  readonly putBack: (request: Request) => void
  /** A call goes to its worker; its session is taken until {@link Backlog.finish}. */
  readonly start: (request: Request) => void
  /** A call was answered, or its worker is gone: the next of its session may run. */
  readonly finish: (request: Request) => void
  /** A call leaves without having run. */
  readonly remove: (request: Request) => void
  /** The first call that this worker may run; it stays until it is started or removed. */
  readonly next: (worker: Worker) => Request | undefined
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

/** The calls of one session: the one whose turn it is runs, or waits for room on the worker; the others wait for it. */
interface Lane {
  turn: Request | undefined
  readonly line: LinkedQueue.LinkedQueue<Request>
}

/** Makes an empty one. */
export const make = (): Backlog => {
  const shared = LinkedQueue.make<Request>()
  const turns = new Map<Worker, LinkedQueue.LinkedQueue<Request>>()
  const lanes = new Map<Entry, Lane>()
  let size = 0

  const laneOf = (session: Entry): Lane =>
    lanes.get(session) ?? added(lanes, session, { turn: undefined, line: LinkedQueue.make() })

  const turnsOf = (worker: Worker): LinkedQueue.LinkedQueue<Request> =>
    turns.get(worker) ?? added(turns, worker, LinkedQueue.make())

  /** The queue of a call that comes last; it may be its turn at once. */
  const queueFor = (request: Request): LinkedQueue.LinkedQueue<Request> => {
    const { session } = request
    if (session === undefined) return shared
    const lane = laneOf(session)
    if (lane.turn !== undefined) return lane.line
    lane.turn = request
    return turnsOf(session.worker)
  }

  const takeOut = (request: Request): void => {
    if (request.place._tag !== "Queued") return
    LinkedQueue.remove(request.place.node)
    size--
  }

  const endTurn = (request: Request): void => {
    const { session } = request
    const lane = session === undefined ? undefined : lanes.get(session)
    if (session === undefined || lane === undefined || lane.turn !== request) return
    const next = (lane.turn = LinkedQueue.shift(lane.line))
    if (next === undefined) return void lanes.delete(session)
    // It came before others that wait for this worker already.
    insert(turnsOf(session.worker), next)
  }

  return {
    mustWait: ({ session }) => session !== undefined && lanes.has(session),
    add: (request) => {
      request.place = { _tag: "Queued", node: LinkedQueue.push(queueFor(request), request) }
      size++
    },
    putBack: (request) => {
      insert(shared, request)
      size++
    },
    start: (request) => {
      takeOut(request)
      if (request.session !== undefined) laneOf(request.session).turn = request
    },
    finish: endTurn,
    remove: (request) => {
      takeOut(request)
      endTurn(request)
    },
    next: (worker) => {
      const own = turns.get(worker)?.head?.value
      const any = shared.head?.value
      return own === undefined || (any !== undefined && any.order < own.order) ? any : own
    },
    shared: () => LinkedQueue.values(shared),
    pinnedTo: (worker) => [
      ...LinkedQueue.values(turnsOf(worker)),
      ...[...lanes].flatMap(([session, { line }]) =>
        session.worker === worker ? LinkedQueue.values(line) : []
      )
    ],
    forget: (worker) => void turns.delete(worker),
    all: () =>
      [shared, ...turns.values(), ...[...lanes.values()].map(({ line }) => line)].flatMap(LinkedQueue.values),
    size: () => size
  }
}

/** Puts a call among others by its order of arrival. */
const insert = (queue: LinkedQueue.LinkedQueue<Request>, request: Request): void => {
  let before = queue.head
  while (before !== undefined && before.value.order < request.order) before = before.next
  request.place = { _tag: "Queued", node: LinkedQueue.insert(queue, request, before) }
}

const added = <K, V>(map: Map<K, V>, key: K, value: V): V => {
  map.set(key, value)
  return value
}
