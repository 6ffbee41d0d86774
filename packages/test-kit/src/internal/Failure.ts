/** How the failure of a call becomes an ERROR frame. */
import type { Json, Message } from "@fireweed/worker-pool/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/** A Python exception, as a failure. */
export class Raised {
  readonly exception: Message.PythonException
  constructor(exception: Message.PythonException) {
    this.exception = exception
  }
}

/** The call cannot be run, as a failure. */
class Refusal {
  readonly code: Message.WorkerError["code"]
  readonly message: string
  constructor(code: Message.WorkerError["code"], message: string) {
    this.code = code
    this.message = message
  }
}

/** Fails with a refusal. */
export const refuse = (code: Message.WorkerError["code"], message: string): Effect.Effect<never, Refusal> =>
  Effect.fail(new Refusal(code, message))

/** Why a value cannot be sent, in words. */
export const refusalText = ({ found, hint, path }: Json.EncodeRefusal): string =>
  `${path} is ${found}: ${hint}`

/** The meta of an ERROR without an exception. */
export const report = (
  code: Message.WorkerError["code"],
  started: boolean,
  message: string
): Message.WorkerError => ({ code, started, message })

/** The meta of the ERROR that a cause means; `started` says whether user code ran. */
export const explain = (started: boolean, cause: Cause.Cause<unknown>): Message.WorkerError => {
  if (Cause.hasInterrupts(cause)) {
    return report("cancelled", started, `cancelled ${started ? "while it ran" : "before it started"}`)
  }
  const error = Cause.squash(cause)
  if (error instanceof Refusal) return report(error.code, started, error.message)
  const exception = error instanceof Raised ? error.exception : describe(error)
  const { message, type } = exception
  const text = message === "" ? type : `${type}: ${message}`
  return { ...report(codes.get(type) ?? "raised", true, text), error: exception }
}

/** What went wrong, as an exception. */
export const exceptionOf = (cause: Cause.Cause<unknown>): Message.PythonException => {
  const error = Cause.squash(cause)
  if (error instanceof Refusal) return { type: "fireweed.Refused", message: error.message, frames: [] }
  return error instanceof Raised ? error.exception : describe(error)
}

const codes = new Map<string, Message.WorkerError["code"]>([
  ["SystemExit", "exit"],
  ["KeyboardInterrupt", "interrupt"],
  ["MemoryError", "oom"]
])

/** What JavaScript threw, as Python would show it. */
const describe = (error: unknown): Message.PythonException => ({
  type:
    Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
      ? error._tag
      : error instanceof Error
        ? error.name
        : "Exception",
  message: error instanceof Error ? error.message : String(error),
  frames: []
})
