/**
 * The same questions to every session; asked before and after the damage, they must have the same answers.
 */
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as SearchSession from "../SearchSession.ts"
import type { Context } from "./Context.ts"
import type { Indexed } from "./Indexing.ts"

/** What the sessions answer, for each the hits for each query. */
export type Answers = ReadonlyArray<ReadonlyArray<ReadonlyArray<SearchSession.Hit>>>

const QUERIES = [
  "feed data",
  "parse a header",
  "read lines with a timeout",
  "cancel what is running",
  "escape special characters"
]
/** Each question is asked this many times, so that latencies mean something. */
const TIMES = 4
const LIMIT = 10

/** Asks, and shows the best hit of each session for one of the queries. */
export const play = (context: Context, { sessions }: Indexed): Effect.Effect<Answers, CallError.CallError> =>
  Effect.gen(function* () {
    const answers = yield* ask(sessions)
    yield* context.news("info", `"${QUERIES[0]}"`)
    for (const [n, session] of sessions.entries()) {
      const best = answers[n]?.[0]?.[0]
      const text =
        best === undefined
          ? `${session.key}: nothing`
          : `${session.key}: ${best.name}, score ${best.score.toFixed(1)}\n  ${best.file}:${best.line}  ${best.snippet}`
      yield* context.tell({ _tag: "Quote", text })
    }
    return answers
  })

/** Asks again: sessions that were lost in between open and index again by themselves. */
export const playAgain = (
  context: Context,
  { recovered, sessions }: Indexed,
  before: Answers
): Effect.Effect<void, CallError.CallError> =>
  Effect.gen(function* () {
    const after = yield* ask(sessions)
    yield* context.tell({ _tag: "Settled" })
    yield* context.promise(
      "the same questions have the same answers as before",
      Equal.equals(after, before),
      "some answers differ"
    )
    const { lost } = context.journal
    yield* context.promise(
      "every session that was lost is back",
      lost > 0 && lost === recovered(),
      `${lost} lost, ${recovered()} recovered`
    )
  })

const ask = (
  sessions: ReadonlyArray<SearchSession.SearchSession>
): Effect.Effect<Answers, CallError.CallError> =>
  Effect.forEach(
    sessions,
    (session) =>
      Effect.forEach(QUERIES, (query) => Effect.repeat(session.search(query, LIMIT), { times: TIMES - 1 })),
    { concurrency: "unbounded" }
  )
