/**
 * The kinds of frames, by name. Requests (to Python) are below `0x80`, replies (from Python) above.
 * The table, and what each carries, is in `PROTOCOL.md`.
 */

/** Major version of the protocol; both sides must agree on it. */
export const PROTOCOL_VERSION = 1

/** Frames that go to Python. */
export const Request = {
  init: 0x01,
  call: 0x02,
  cancel: 0x03,
  ping: 0x04,
  credit: 0x05,
  callbackResult: 0x06,
  callbackError: 0x07,
  shutdown: 0x08,
  open: 0x09,
  close: 0x0a,
  fork: 0x10,
  kill: 0x11
} as const

/** Frames that come from Python. */
export const Reply = {
  hello: 0x81,
  ready: 0x82,
  result: 0x83,
  error: 0x84,
  item: 0x85,
  end: 0x86,
  callback: 0x87,
  log: 0x88,
  pong: 0x89,
  bye: 0x8a,
  fatal: 0x8b,
  report: 0x8c,
  forked: 0x90,
  exited: 0x91
} as const

const names = new Map<number, string>(
  Object.entries({ ...Request, ...Reply }).map(([name, kind]) => [kind, name.toUpperCase()])
)

/** The name of a kind, for messages: `RESULT`, or `0x7f` for one that has none. */
export const nameOf = (kind: number): string => names.get(kind) ?? `0x${kind.toString(16).padStart(2, "0")}`

/** Whether a receiver must know this kind. A kind with bit 6 set may be skipped by one that does not. */
export const isIgnorable = (kind: number): boolean => (kind & 0x40) !== 0

/** Whether Python may send this kind. */
export const isReply = (kind: number): boolean => kind >= 0x80 && names.has(kind)

/** Whether Python may be sent this kind. */
export const isRequest = (kind: number): boolean => kind < 0x80 && names.has(kind)
