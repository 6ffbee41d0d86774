/** What it costs Python to call a function of TypeScript, one after the other, from within one call. */
import { Codec, Frame, Kind } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { bench } from "../../../scripts/bench/bench.ts"
import { pooled, rawEcho } from "./subjects.ts"

const callers = fileURLToPath(new URL("callers.py", import.meta.url))

const asked = Codec.pickle.encode(["f", [1_000], null, 1], "callback")
if ("_tag" in asked) throw new Error("the callback of the benchmark cannot be encoded")
const request = Frame.encode({ kind: Kind.Reply.callback, codec: 0, id: 1, ...asked })[0]
if (request === undefined) throw new Error("the frame of the benchmark is empty")

const from = (loop: string, f: (n: number) => unknown) =>
  pooled(loop, (pool, n) => pool.call(`${callers}:${loop}`, ["f", n]), { callbacks: { f } })

export default bench(
  [
    {
      name: "callback that gives a value",
      unit: "us/callback",
      baseline: rawEcho("raw echo", request),
      subject: from("loop", (n) => n),
      goal: { ratio: 4 }
    },
    {
      name: "callback that is an effect",
      unit: "us/callback",
      baseline: rawEcho("raw echo", request),
      subject: from("loop", (n) => Effect.succeed(n))
    },
    {
      name: "callback from a coroutine",
      unit: "us/callback",
      baseline: rawEcho("raw echo", request),
      subject: from("loop_async", (n) => n)
    }
  ],
  { pinned: true }
)
