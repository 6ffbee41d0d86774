import { Frame, Json, Kind } from "@fireweed/worker-pool/protocol"

/** The REPORT of a worker. */
export const reportBytes = (vitals: {
  readonly rss?: number
  readonly cpu?: number
  readonly dirty?: ReadonlyArray<string>
}): Uint8Array => {
  const meta = { rss: vitals.rss ?? null, cpu: vitals.cpu ?? 0, threads: 2, dirty: vitals.dirty ?? [] }
  const [frame] = Frame.encode(Frame.make(Kind.Reply.report, 0, Json.encodeJson(meta)))
  return frame ?? Frame.EMPTY
}
