/** Bytes that a worker writes to the descriptor of its frames, where it must not. */
import type { Expected, Fault, Section } from "./Fault.ts"
import { exec, exited, lost, nothing, value } from "./Fault.ts"

/** Statements, and the time until the parent has done what it must. */
const writes = (name: string, source: string, detail: RegExp): Fault => ({
  name,
  act: exec(`from faults import *\n${source}\ntime.sleep(60)`),
  expected: lost("violation", { detail }),
  reuse: "replaced"
})

/** A result for the call that runs, with that meta. */
const answers = (name: string, meta: string): Fault => writes(name, `answer(${meta})`, /broke the protocol/)

const ends = (name: string, source: string, expected: Expected): Fault => ({
  name,
  act: exec(`from faults import *\n${source}\nos._exit(3)`),
  expected,
  reuse: "replaced"
})

const ignored = (name: string, source: string): Fault => ({
  name,
  act: exec(`from faults import *\n${source}`),
  expected: nothing,
  reuse: "reused"
})

const partial = exited(3, { detail: /in the middle of a frame/ })

export const protocol: Section<Fault> = {
  name: "protocol",
  faults: [
    ends("half a header, then the end", "write(header(RESULT, 1)[:11])", partial),
    ends("half a frame, then the end", "write(header(RESULT, 1, 100) + b'x' * 50)", partial),
    {
      name: "a whole result, then the end",
      act: exec("from faults import *\nanswer(b'42', flags=1)\nos._exit(3)"),
      expected: value(42),
      reuse: "replaced"
    },
    writes("text", "write(b'Traceback (most recent call last): ...')", /magic/),
    writes("zeros", "write(bytes(1000))", /magic/),
    writes("magic the other way round", "write(header(RESULT, 1, magic=0x4657))", /magic/),
    writes("a meta longer than its body", "write(header(RESULT, 1, 100, body=50))", /meta/i),
    writes("a frame of a terabyte", "write(header(RESULT, 1, 8, body=1 << 40))", /limit/),
    writes("the longest frame there is", "write(header(RESULT, 1, 8, body=(1 << 64) - 1))", /limit/),
    writes(
      "buffers that are longer than the body",
      "import struct\nwrite(header(RESULT, 1, 8, body=16, buffers=1) + bytes(8) + struct.pack('<Q', 1 << 50))",
      /buffer/
    ),
    writes(
      "more buffers than the body has room for",
      "write(header(RESULT, 1, 0, body=8, buffers=60000) + bytes(8))",
      /buffer/
    ),
    writes(
      "bytes after the meta that no buffer has",
      "write(header(RESULT, 1, 1, body=9) + bytes(9))",
      /body|buffer|meta/i
    ),
    writes("a flag that does not exist", "write(header(RESULT, 1, flags=0x80))", /flag/),
    writes("a reserved field that is not zero", "write(header(RESULT, 1, reserved=1))", /reserved/),
    answers("no pickle at all", "b'garbage'"),
    answers("an empty pickle", "b''"),
    answers("an opcode that does not exist", String.raw`b"\x80\x05\xff."`),
    answers("a stack that is empty", String.raw`b"\x80\x05a."`),
    answers("a pickle without its end", String.raw`b"\x80\x05K\x01"`),
    answers("a text of 2 ** 62 bytes", String.raw`b"\x80\x05\x8d" + (1 << 62).to_bytes(8, "little") + b"x."`),
    answers("bytes of 2 ** 62 bytes", String.raw`b"\x80\x05\x8e" + (1 << 62).to_bytes(8, "little") + b"x."`),
    answers(
      "a number of 2 ** 31 bytes",
      String.raw`b"\x80\x05\x8b" + ((1 << 31) - 1).to_bytes(4, "little") + b"x."`
    ),
    answers(
      "a frame inside the pickle longer than it",
      String.raw`b"\x80\x05\x95" + (1 << 40).to_bytes(8, "little") + b"N."`
    ),
    answers("a memo that was never filled", String.raw`b"\x80\x05h\x07."`),
    answers("a buffer that was not sent", String.raw`b"\x80\x05\x97."`),
    answers("a function to call", String.raw`b"\x80\x05cos\nsystem\n(S'true'\ntR."`),
    answers("a class to build", String.raw`b"\x80\x05\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."`),
    answers("a persistent id", String.raw`b"\x80\x05N\x51."`),
    answers("more after its end", String.raw`b"\x80\x05N.N."`),
    writes("JSON that is none", "answer(b'{', flags=1)", /broke the protocol/),
    writes("an error that is none", "answer(b'[]', kind=0x84, flags=1)", /broke the protocol/),
    writes(
      "an error of a code that does not exist",
      `answer(b'{"code": "?", "started": true, "message": ""}', kind=0x84, flags=1)`,
      /broke the protocol/
    ),
    writes(
      "a result for a call that was never made",
      "answer(b'1', flags=1, call=999_999)",
      /999999|does not run/
    ),
    writes("a result for call 0", "answer(b'1', flags=1, call=0)", /does not run/),
    {
      name: "two results for one call: the first counts",
      act: exec("from faults import *\nanswer(b'42', flags=1)"),
      expected: value(42),
      reuse: "replaced",
      gone: /broke the protocol/
    },
    writes("a second HELLO", "answer(b'{}', kind=0x81, flags=1, call=0)", /HELLO/i),
    writes("a second READY", "answer(b'{}', kind=0x82, flags=1, call=0)", /READY/i),
    writes("a frame of the other direction", "write(header(0x02, 1))", /kind/),
    writes("a kind that does not exist", "write(header(0x9F, 1))", /kind/),
    writes("an item of no stream", "answer(b'1', kind=0x85, flags=1)", /broke the protocol/),
    writes("the end of no stream", "answer(b'1', kind=0x86, flags=1)", /broke the protocol/),
    writes("a frame of a zygote", "answer(b'{}', kind=0x90, flags=1, call=0)", /broke the protocol/),
    ignored("a kind that may be ignored", "write(header(0xC5, 7))"),
    ignored(
      "a PONG that nobody asked for",
      `answer(b'{"busy": null, "ms": 0, "rss": null, "threads": 1}', kind=0x89, flags=1, call=0)`
    ),
    {
      name: "FATAL, and on",
      act: exec(`from faults import *
answer(b'{"phase": "runtime", "message": "made up"}', kind=0x8B, flags=1, call=0)
os._exit(79)`),
      expected: exited(79, { detail: /made up/ }),
      reuse: "replaced"
    }
  ]
}
