/** Generators that do not end, that break off, and that do not let go. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Act, Expected, Fault, Section } from "./Fault.ts"
import { call, error, evaluate, exited, HANG, invalid, late, left, lost, raised, value } from "./Fault.ts"

/** Takes so many items, then leaves. */
const take =
  (count: number, target: string, args: ReadonlyArray<unknown> = [], options = {}): Act =>
  (pool) =>
    Stream.runCollect(Stream.take(pool.stream(target, args, options), count))

const all = (target: string, args: ReadonlyArray<unknown> = [], options = {}): Act =>
  take(1_000, target, args, options)

const reused = (name: string, act: Act, expected: Expected): Fault => ({
  name,
  act,
  expected,
  reuse: "reused"
})

const GOES_ON = /goes on although it was cancelled/

const broken = (name: string, how: string, expected: Expected, reuse: Fault["reuse"] = "reused"): Fault => ({
  name,
  act: all("faults:break_off", [how]),
  expected,
  reuse
})

const patient = { deadline: HANG }

export const streams: Section<Fault> = {
  name: "streams",
  faults: [
    reused("endless, and the consumer leaves", take(5, "faults:endless"), value([0, 1, 2, 3, 4])),
    reused("endless, and asynchronous", take(5, "faults:endless_async"), value([0, 1, 2, 3, 4])),
    reused(
      "endless, and one is asked for at a time",
      take(3, "faults:endless", [], { credit: 1 }),
      value([0, 1, 2])
    ),
    reused("endless, and the consumer is gone at once", take(0, "faults:endless"), value([])),
    reused(
      "endless, and the consumer is late",
      (pool) =>
        Stream.runCollect(
          pool.stream("faults:endless").pipe(
            Stream.take(3),
            Stream.tap(() => Effect.sleep(100))
          )
        ),
      value([0, 1, 2])
    ),
    {
      name: "endless, and the consumer fails",
      act: (pool) =>
        pool.stream("faults:endless").pipe(
          // The one worker has the stream: nobody is left for what its consumer asks.
          Stream.mapEffect(() => pool.call("math:sqrt", [16])),
          Stream.runCollect
        ),
      expected: error("QueueFull", "timeout"),
      reuse: "reused",
      pool: { queue: { timeout: "500 millis" } },
      alone: true
    },
    broken("raises after two", "raise", raised("ValueError", { message: "broken off" })),
    broken("raises StopIteration", "stop", raised("RuntimeError", { cause: { type: "StopIteration" } })),
    broken("leaves after two", "leave", left),
    broken("ends the process after two", "end the process", exited(3), "replaced"),
    broken("gives what cannot be carried", "lambda", invalid("result", /function/)),
    reused("an asynchronous one raises", all("faults:break_off_async", ["raise"]), raised("ValueError")),
    reused("hangs after two", all("faults:break_off", ["hang"], patient), late),
    reused("an asynchronous one hangs", all("faults:break_off_async", ["hang"], patient), late),
    {
      name: "holds the interpreter after two",
      act: all("faults:break_off", ["hold"], patient),
      expected: late,
      reuse: "replaced",
      gone: /native code computes and holds/
    },
    {
      name: "swallows its end after two",
      act: all("faults:break_off", ["swallow"], patient),
      expected: late,
      reuse: "replaced",
      gone: GOES_ON
    },
    {
      name: "an asynchronous one swallows its end",
      alone: true,
      act: all("faults:break_off_async", ["swallow"], patient),
      expected: late,
      reuse: "replaced",
      gone: GOES_ON
    },
    {
      name: "hangs when it is closed",
      act: take(2, "faults:cling", ["hang"]),
      expected: value([0, 1]),
      reuse: "replaced",
      gone: GOES_ON
    },
    reused("raises when it is closed", take(2, "faults:cling", ["raise"]), value([0, 1])),
    reused("yields when it is closed", take(2, "faults:cling", ["yield"]), value([0, 1])),
    reused("is no generator", all("math:sqrt", [4]), invalid("stream", /float/)),
    reused("is a coroutine", all("faults:asynchronous", ["x"]), invalid("stream", /str/)),
    reused("is called like a function", call("faults:endless"), invalid("stream", /generator/)),
    reused("is in the result of a function", evaluate("[endless()]"), invalid("result", /generator/)),
    {
      name: "sends more than it was asked for",
      act: all("faults:too_many", [], { credit: 4 }),
      expected: lost("violation", { detail: /broke the protocol/ }),
      reuse: "replaced"
    }
  ]
}
