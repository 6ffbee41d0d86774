import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { Backoff, Retry, RetryAfter } from "../src/index.ts"

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
}

/** A server on this machine that gives the answers one after the other; its address, and how often it was asked. */
const serving = (...answers: ReadonlyArray<Answer>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly asked: () => number; readonly close: () => void }>(
      (resume) => {
        let asked = 0
        const server = createServer((_, response) => {
          const { headers, status } = answers[Math.min(asked++, answers.length - 1)] ?? { status: 500 }
          response.writeHead(status, { ...headers, connection: "close" }).end("text")
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" ? address?.port : undefined
          resume(
            Effect.succeed({
              url: `http://127.0.0.1:${port}/`,
              asked: () => asked,
              close: () => server.close()
            })
          )
        })
      }
    ),
    (server) => Effect.sync(server.close)
  )

const get = (url: string) =>
  HttpClient.get(url).pipe(
    Effect.flatMap((response) => response.text),
    Effect.provide(FetchHttpClient.layer)
  )
const strict = (url: string) =>
  Effect.gen(function* () {
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    return yield* Effect.flatMap(client.get(url), (response) => response.text)
  }).pipe(Effect.provide(FetchHttpClient.layer))

describe("HttpClient, against a server on this machine", () => {
  it.live("waits as long as Retry-After says, and ends at the first answer that is good", () =>
    Effect.gen(function* () {
      const waits: Array<number> = []
      const policy = Retry.make({
        while: HttpClient.isTransientError,
        retryAfter: RetryAfter.http,
        maxRetryAfter: "10 millis",
        backoff: Backoff.constant(0),
        onRetry: ({ delay }) => void waits.push(Duration.toMillis(delay))
      })
      const server = yield* serving(
        { status: 429, headers: { "retry-after": "0" } },
        { status: 503, headers: { "retry-after": "3600" } },
        { status: 503, headers: { "retry-after": "Fri, 31 Dec 2100 23:59:59 GMT" } },
        { status: 200 }
      )
      assert.strictEqual(yield* Retry.run(strict(server.url), policy), "text")
      assert.strictEqual(server.asked(), 4)
      assert.strictEqual(waits[0], 0)
      for (const wait of waits.slice(1)) assert.isTrue(wait >= 10 && wait < 12)
    })
  )

  it.live("lets pass what will not be better the next time", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ while: HttpClient.isTransientError, backoff: Backoff.constant(0) })
      const server = yield* serving({ status: 404 })
      const error = yield* Effect.flip(Retry.run(strict(server.url), policy))
      assert.strictEqual(error._tag, "HttpClientError")
      assert.strictEqual(server.asked(), 1)
    })
  )

  it.live("retries a connection that is refused", () =>
    Effect.gen(function* () {
      const { close, url } = yield* serving({ status: 200 })
      yield* Effect.callback<void>((resume) => {
        close()
        resume(Effect.void)
      })
      const policy = Retry.make({
        while: HttpClient.isTransientError,
        retries: 2,
        backoff: Backoff.constant(0)
      })
      const error = yield* Effect.flip(Retry.run(get(url), policy))
      assert.isTrue(error instanceof Retry.RetryExhausted && error.count === 3)
    })
  )
})
