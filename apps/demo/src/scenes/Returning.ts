/**
 * A session with snapshots: its worker is killed under a question, and it comes back on another with its index, without indexing again.
 */
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"
import * as SearchSession from "../SearchSession.ts"
import { whole } from "./Context.ts"
import type { Context } from "./Context.ts"
import type { Package } from "./Survey.ts"

const QUERY = "read a line"
const LIMIT = 10

/** Plays the scene, with the smallest package: each snapshot has all of its index. */
export const play = (
  context: Context,
  packages: ReadonlyArray<Package>
): Effect.Effect<void, CallError.CallError> =>
  Effect.gen(function* () {
    const { journal, killUnder, meter, news, pool, promise } = context
    const smallest = packages.reduce((a, b) => (b.files.length < a.files.length ? b : a))
    const session = yield* pool.session(`${smallest.name}, saved`, "index:Index", [smallest.name], {
      snapshots: {}
    })
    const indexed = yield* session.call("index_more", [smallest.files.length], {
      result: SearchSession.Progress
    })
    const ask = session.call("search", [QUERY, LIMIT], {
      result: Schema.Array(SearchSession.Hit),
      idempotent: true
    })
    const before = yield* ask
    const { epoch, worker } = session

    const after = yield* meter.measure("outlive")(killUnder(ask, worker))
    yield* news("healed", `session "${session.key}" is on worker ${session.worker}, with its index`)
    yield* promise(
      "a question that its worker died under is answered all the same",
      Equal.equals(after, before) && session.worker !== worker && session.epoch > epoch,
      `on worker ${session.worker}, with ${after.length} hits`
    )
    const { done, definitions, words } = yield* session.call("progress", [], {
      result: SearchSession.Progress
    })
    yield* promise(
      "its index came back with it: nothing was indexed again",
      done === smallest.files.length && definitions === indexed.definitions && words === indexed.words,
      `${done} of ${smallest.files.length} files, ${words} words`
    )
    yield* promise(
      "it was restored from its snapshot, and not lost",
      (yield* whole(context)) && journal.restored === 1,
      `${journal.restored} restored`
    )
  }).pipe(Effect.scoped)
