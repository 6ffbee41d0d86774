/**
 * What a call costs beside the physical limit: the same bytes through a bare Python loop and bare Node streams, one at a time.
 */
import { Codec, Frame, Json, Kind } from "@fireweed/worker-pool/protocol"
import { bench } from "../../../scripts/bench/bench.ts"
import { inFlight, pooled, rawEcho, sequentially } from "./subjects.ts"

const encoded = Codec.pickle.call("math:sqrt", [16], undefined)
if ("_tag" in encoded) throw new Error("the arguments of the benchmark cannot be encoded")
const request = Frame.encode({ kind: Kind.Request.call, codec: 0, id: 1, ...encoded.payload({}) })[0]
if (request === undefined) throw new Error("the frame of the benchmark is empty")

export default bench(
  [
    {
      name: "sequential call",
      unit: "us/call",
      baseline: rawEcho("raw echo", request),
      subject: pooled("pool.call", sequentially("math:sqrt", [16])),
      goal: { ratio: 2.5 }
    },
    {
      name: "64 calls in flight",
      unit: "us/call",
      baseline: rawEcho("raw echo", request),
      subject: pooled("pool.call", inFlight(64, "math:sqrt", [16]))
    },
    {
      name: "arguments to bytes",
      unit: "ns/op",
      baseline: {
        name: "JSON.stringify",
        run: (n) => {
          for (let index = 0; index < n; index++) JSON.stringify([index, "text", { a: [1.5, true, null] }])
        }
      },
      subject: {
        name: "checked and encoded",
        run: (n) => {
          for (let index = 0; index < n; index++)
            Json.encode([index, "text", { a: [1.5, true, null] }], "args")
        }
      }
    }
  ],
  { pinned: true }
)
