/**
 * Functions that misbehave: each ends in one typed error that says what happened, or in nothing at all.
 */
import * as Effect from "effect/Effect"
import { eventually, whole } from "./Context.ts"
import type { Context } from "./Context.ts"

/** Lines that `faults:babble` prints. */
const LINES = 3

/** Plays the scene. */
export const play = (context: Context): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { journal, meter, news, pool, promise, tell } = context
    const call = (target: string, args: ReadonlyArray<unknown> = []) =>
      Effect.result(meter.measure("misbehave")(pool.call(target, args)))

    const raised = yield* call("faults:average", [[]])
    if (raised._tag === "Failure" && raised.failure._tag === "PythonError") {
      yield* news("broke", `${raised.failure._tag}: ${raised.failure.message}`)
      yield* tell({ _tag: "Quote", text: raised.failure.traceback })
    }
    yield* promise(
      "a function that raises is a PythonError, with its traceback",
      raised._tag === "Failure" &&
        raised.failure._tag === "PythonError" &&
        raised.failure.exception.type === "ZeroDivisionError" &&
        raised.failure.traceback.includes("in average"),
      describe(raised)
    )

    const misnamed = yield* call("faults:avrage", [[1, 2]])
    if (misnamed._tag === "Failure")
      yield* news("broke", `${misnamed.failure._tag}: ${misnamed.failure.message}`)
    yield* promise(
      "a wrong name is an InvalidCall",
      misnamed._tag === "Failure" &&
        misnamed.failure._tag === "InvalidCall" &&
        misnamed.failure.reason === "target",
      describe(misnamed)
    )

    const printed = journal.output.length
    const babbled = yield* call("faults:babble")
    const captured = yield* eventually(Effect.sync(() => journal.output.length >= printed + LINES))
    yield* promise(
      "what a function prints is a log line, and never an answer",
      captured && babbled._tag === "Success" && babbled.success === "the real answer",
      captured ? describe(babbled) : "its lines were not captured"
    )

    const vanished = yield* call("faults:vanish", [3])
    if (vanished._tag === "Failure")
      yield* news("broke", `${vanished.failure._tag}: ${vanished.failure.message}`)
    yield* promise(
      "a function that ends its process is a WorkerLost, with the exit status",
      vanished._tag === "Failure" &&
        vanished.failure._tag === "WorkerLost" &&
        vanished.failure.exitCode === 3,
      describe(vanished)
    )
    yield* promise(
      "every worker that died has a successor",
      (yield* whole(context)) && journal.restarts === context.killed() + 1,
      `${journal.restarts} restarts`
    )
  })

const describe = (
  result:
    | { readonly _tag: "Success"; readonly success: unknown }
    | { readonly _tag: "Failure"; readonly failure: Error }
): string =>
  result._tag === "Success" ? `answered ${JSON.stringify(result.success)}` : result.failure.message
