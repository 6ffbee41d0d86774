/**
 * The life of one worker as a total state machine: every event is legal in every state; those that mean nothing there change nothing.
 *
 * ```text
 *                    ┌───well── degraded ◄──silent──┐
 *                    ▼              ▲ silent        │
 * initializing ──ready──► ready ◄──room── busy ─────┘
 *       │                   │ ───full───►  │
 *       │                   └──drain──┐    │ drain      (degraded too)
 *       │                             ▼    ▼
 *       ├──drain─────────────────► draining
 *       │                             │ stop
 *       ▼                             ▼
 *   terminated ◄──────end──────── terminating
 * ```
 *
 * `end` leads to `terminated` from everywhere, `stop` to `terminating` from every state but that one.
 */

/**
 * Where a worker stands. Only a `ready` one is given a call; a `busy` one has as many as it takes at once; a `degraded` one does not answer,
 * and is given nothing until it does; a `draining` one is given only what must be run there.
 */
export type WorkerState =
  | "initializing"
  | "ready"
  | "busy"
  | "degraded"
  | "draining"
  | "terminating"
  | "terminated"

/** What can happen to a worker. */
export type WorkerEvent =
  /** Its handshake is done. */
  | "ready"
  /** It was given as many calls as it takes at once. */
  | "full"
  /** It has answered one of them. */
  | "room"
  /** It does not answer when it is asked for a sign of life. */
  | "silent"
  /** Something came from it again. */
  | "well"
  /** It shall take no more calls but those that must be run there. */
  | "drain"
  /** It was told to leave, or killed. */
  | "stop"
  /** It is gone. */
  | "end"

/** The state after an event; the same one if the event means nothing in it. */
export const next = (state: WorkerState, event: WorkerEvent): WorkerState => table[state][event] ?? state

/** Whether a worker in this state takes a call. */
export const isAvailable = (state: WorkerState): boolean => state === "ready"

/** Whether a worker in this state can still answer. */
export const isAlive = (state: WorkerState): boolean => state !== "terminated" && state !== "terminating"

const table: Record<WorkerState, { readonly [event in WorkerEvent]?: WorkerState }> = {
  initializing: { ready: "ready", drain: "draining", stop: "terminating", end: "terminated" },
  ready: { full: "busy", silent: "degraded", drain: "draining", stop: "terminating", end: "terminated" },
  busy: { room: "ready", silent: "degraded", drain: "draining", stop: "terminating", end: "terminated" },
  degraded: { well: "ready", drain: "draining", stop: "terminating", end: "terminated" },
  draining: { stop: "terminating", end: "terminated" },
  terminating: { end: "terminated" },
  terminated: {}
}
