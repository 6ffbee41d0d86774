/**
 * The life of one worker as a total state machine: every event is legal in every state; those that mean nothing there change nothing.
 *
 * ```text
 * initializing ──ready──► ready ◄──room── busy
 *       │                   │ ───full───►  │
 *       │                   └──drain──┐    │ drain
 *       │                             ▼    ▼
 *       ├──stop──────────────────► draining
 *       │                             │ stop
 *       ▼                             ▼
 *   terminated ◄──────end──────── terminating
 * ```
 *
 * `end` leads to `terminated` from everywhere, `stop` to `terminating` from every state but that one.
 */

/** Where a worker stands. Only a `ready` one is given a call; a `busy` one has as many as it takes at once. */
export type WorkerState = "initializing" | "ready" | "busy" | "draining" | "terminating" | "terminated"

/** What can happen to a worker. */
export type WorkerEvent =
  /** Its handshake is done. */
  | "ready"
  /** It was given as many calls as it takes at once. */
  | "full"
  /** It has answered one of them. */
  | "room"
  /** It shall take no more calls. */
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
  ready: { full: "busy", drain: "draining", stop: "terminating", end: "terminated" },
  busy: { room: "ready", drain: "draining", stop: "terminating", end: "terminated" },
  draining: { stop: "terminating", end: "terminated" },
  terminating: { end: "terminated" },
  terminated: {}
}
