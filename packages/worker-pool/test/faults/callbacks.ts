/** What can go wrong while Python calls the parent, and in pools that allow little. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Act, Expected, Fault, Section } from "./Fault.ts"
import { call, exec, exited, HANG, invalid, late, nothing, raised, value } from "./Fault.ts"

const pool = {
  callbacks: {
    echo: (value: never) => value,
    fail: () => Effect.fail(new Cause.NoSuchElementError("none")),
    throw: () => {
      throw new RangeError("thrown")
    },
    wait: () => Effect.never,
    unsendable: () => () => 1
  }
}

const asks = (name: string, act: Act, expected: Expected): Fault => ({
  name,
  act,
  expected,
  reuse: "reused",
  pool,
  // On an event loop there is another function for it.
  alone: true
})

const failed = (message: RegExp): Expected => raised("fireweed.CallbackError", { message })

const strict = (name: string, target: string, expected: Expected): Fault => ({
  name: `strict: ${name}`,
  act: call(target, [1]),
  expected,
  reuse: "reused",
  pool: { strict: true, preload: ["allowed"] }
})

export const callbacks: Section<Fault> = {
  name: "callbacks",
  faults: [
    asks("a callback", call("fireweed:call_parent", ["echo", [1, null]]), value([1, null])),
    asks("one that does not exist", call("fireweed:call_parent", ["nothing"]), failed(/UnknownCallback/)),
    asks("one that fails", call("fireweed:call_parent", ["fail"]), failed(/NoSuchElementError: none/)),
    asks("one that throws", call("fireweed:call_parent", ["throw"]), failed(/RangeError: thrown/)),
    asks(
      "a value that cannot be sent back",
      call("fireweed:call_parent", ["unsendable"]),
      failed(/InvalidResult/)
    ),
    asks(
      "arguments that cannot be sent",
      exec("import fireweed; fireweed.call_parent('echo', object())"),
      failed(/InvalidArguments/)
    ),
    asks(
      "a failure that is caught",
      exec("import fireweed\ntry: fireweed.call_parent('fail')\nexcept fireweed.CallbackError: pass"),
      nothing
    ),
    asks("one that never answers", call("fireweed:call_parent", ["wait"], { deadline: HANG }), late),
    asks(
      "one that never answers a coroutine",
      call("fireweed:call_parent_async", ["wait"], { deadline: HANG }),
      late
    ),
    {
      name: "dies while it waits for the parent",
      act: exec(
        "import fireweed, os, threading\nthreading.Timer(0.1, os._exit, [3]).start()\nfireweed.call_parent('wait')"
      ),
      expected: exited(3),
      reuse: "replaced",
      pool,
      alone: true
    },
    {
      name: "no callback at all",
      act: call("fireweed:call_parent", ["echo", 1]),
      expected: failed(/UnknownCallback/),
      reuse: "reused",
      alone: true
    },
    strict("what is exposed may be called", "faults:quick", value([1])),
    strict("what is not may not", "os:getpid", invalid("target")),
    strict("nor by the path of its file", "/usr/lib/python3/x.py:f", invalid("target")),
    strict("nor code", "builtins:exec", invalid("target"))
  ]
}
