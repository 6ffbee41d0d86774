/**
 * How a worker becomes ready: HELLO, INIT, READY; and what it means when it does not.
 */
import * as Option from "effect/Option"
import { StartError } from "../CallError.ts"
import type { CodecName } from "../protocol/Codec.ts"
import type { Frame } from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as Message from "../protocol/Message.ts"
import type { End } from "./Transport.ts"

/** What is expected of a new worker. */
export interface Expectation {
  readonly interpreter: string
  readonly token: string
  readonly codec: CodecName
}

/** What a frame of the handshake leads to. */
export type Step =
  | { readonly _tag: "Hello"; readonly hello: Message.Hello }
  | { readonly _tag: "Ready"; readonly ready: Message.Ready }
  | { readonly _tag: "Failed"; readonly error: StartError }

/** Judges a frame that comes before the worker is ready. `greeted` says whether HELLO has come. */
export const step = (frame: Frame, greeted: boolean, expected: Expectation): Step => {
  if (frame.kind === Kind.Reply.fatal) return fatal(frame, expected)
  if (!greeted) {
    if (frame.kind !== Kind.Reply.hello)
      return failed(expected, "handshake", `sent ${Kind.nameOf(frame.kind)} before HELLO`)
    return Option.match(Message.readHello(frame), {
      onNone: () => failed(expected, "handshake", "sent a HELLO that cannot be read"),
      onSome: (hello) => judge(hello, expected)
    })
  }
  if (frame.kind !== Kind.Reply.ready)
    return failed(expected, "handshake", `sent ${Kind.nameOf(frame.kind)} before READY`)
  return Option.match(Message.readReady(frame), {
    onNone: () => failed(expected, "handshake", "sent a READY that cannot be read"),
    onSome: (ready): Step => ({ _tag: "Ready", ready })
  })
}

/** The error of a worker that ended before it was ready; `refusal` is the reason it was made to, if it was. */
export const ended = (end: End, expected: Expectation, refusal?: StartError): StartError =>
  new StartError({
    ...pick(refusal ?? reasonOf(end, expected)),
    stderr: end.stderr.slice(-4_096)
  })

/** The error of a worker that was not ready in time; the limit is in milliseconds. `greeted` says whether HELLO has come. */
export const late = (limit: number, greeted: boolean, expected: Expectation): StartError =>
  new StartError({
    reason: "timeout",
    interpreter: expected.interpreter,
    detail: `was not ready after ${limit} ms${greeted ? ", with preload or setup not done" : ""}`,
    stderr: ""
  })

type Reason = Pick<StartError, "reason" | "interpreter" | "detail" | "exception" | "mismatches">

const pick = ({ detail, exception, interpreter, mismatches, reason }: Reason): Reason => ({
  detail,
  interpreter,
  reason,
  ...(exception === undefined ? {} : { exception }),
  ...(mismatches === undefined ? {} : { mismatches })
})

const reasonOf = (end: End, expected: Expectation): Reason => ({
  reason: end.reason === "too-old" ? "python-too-old" : end.reason === "violation" ? "handshake" : "exited",
  interpreter: end.tooOld?.exe ?? expected.interpreter,
  detail: end.reason === "too-old" ? `is ${end.detail} or newer` : `${end.detail} before it was ready`
})

const judge = (hello: Message.Hello, expected: Expectation): Step => {
  if (hello.proto !== Kind.PROTOCOL_VERSION) {
    return failed(expected, "handshake", `speaks protocol ${hello.proto}, this side ${Kind.PROTOCOL_VERSION}`)
  }
  if (!hello.codecs.includes(expected.codec)) {
    return failed(expected, "handshake", `does not speak the codec ${expected.codec}`)
  }
  // An answer with another token comes from a process that was not started for this worker.
  if (hello.token !== expected.token) return failed(expected, "handshake", "answered with the wrong token")
  return { _tag: "Hello", hello }
}

const fatal = (frame: Frame, expected: Expectation): Step =>
  Option.match(Message.readFatal(frame), {
    onNone: () => failed(expected, "init", "failed, and its reason cannot be read"),
    onSome: ({ error, message, phase }) => failed(expected, "init", `failed in ${phase}: ${message}`, error)
  })

const failed = (
  expected: Expectation,
  reason: "handshake" | "init",
  detail: string,
  exception?: Message.PythonException
): Step => ({
  _tag: "Failed",
  error: new StartError({
    reason,
    interpreter: expected.interpreter,
    detail,
    stderr: "",
    ...(exception === undefined ? {} : { exception })
  })
})
