import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import { TestClock } from "effect/testing"
import { Backoff, Retry, RetryAfter } from "../src/index.ts"

const now = Date.UTC(2026, 0, 1)
const seconds = (n: number) => Duration.seconds(n)

const header = (value: string) => RetryAfter.http({ response: { headers: { "retry-after": value } } }, now)

describe("http", () => {
  it("reads seconds", () => {
    assert.deepStrictEqual(header("120"), seconds(120))
    assert.deepStrictEqual(header("0"), Duration.zero)
  })

  it("reads dates, as long from now as they are, and now when they have passed", () => {
    assert.deepStrictEqual(header("Thu, 01 Jan 2026 00:00:30 GMT"), seconds(30))
    assert.deepStrictEqual(header("Wed, 31 Dec 2025 23:59:59 GMT"), Duration.zero)
  })

  it("takes all else for absent", () => {
    for (const value of ["", "soon", "-1", "1.5", "NaN", "Infinity", "0x10", "1e3", "tomorrow, 01 Jan"])
      assert.isUndefined(header(value), value)
    for (const error of [undefined, null, 7, "text", {}, { response: null }, { response: { headers: 3 } }])
      assert.isUndefined(RetryAfter.http(error, now))
    assert.isUndefined(RetryAfter.http({ headers: { "retry-after": 30 } }, now))
  })

  it("clamps what no timer can wait for", () => {
    const far = header("99999999999999999999999999")
    assert.isTrue(far !== undefined && Duration.toMillis(far) > 1e20)
  })

  it("reads Effect's HttpClientError and HttpClientResponse, and responses of fetch", () => {
    const request = HttpClientRequest.get("http://localhost/")
    const web = new Response("", { status: 503, headers: { "Retry-After": "7" } })
    const response = HttpClientResponse.fromWeb(request, web)
    const reason = new HttpClientError.StatusCodeError({ request, response })
    for (const error of [new HttpClientError.HttpClientError({ reason }), response, web, { response: web }])
      assert.deepStrictEqual(RetryAfter.http(error, now), seconds(7))
    const lost = new HttpClientError.TransportError({ request })
    assert.isUndefined(RetryAfter.http(new HttpClientError.HttpClientError({ reason: lost }), now))
  })

  it("puts the error's own retryAfter first, as circuits state it", () => {
    assert.deepStrictEqual(RetryAfter.http({ retryAfter: seconds(3) }, now), seconds(3))
    assert.deepStrictEqual(RetryAfter.grpc({ retryAfter: seconds(3) }), seconds(3))
  })
})

/** A `google.rpc.Status` (code 14) with a DebugInfo and a RetryInfo of 1.5 seconds, encoded by hand. */
const retryInfo = Uint8Array.from([0x0a, 0x08, 0x08, 0x01, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01])
const any = (type: string, value: Uint8Array) => {
  const url = new TextEncoder().encode(`type.googleapis.com/${type}`)
  return [0x0a, url.length, ...url, 0x12, value.length, ...value]
}
const status = (...details: ReadonlyArray<ReadonlyArray<number>>) =>
  Uint8Array.from([
    0x08,
    14,
    0x12,
    2,
    0x6e,
    0x6f,
    ...details.flatMap((detail) => [0x1a, detail.length, ...detail])
  ])
const bytes = status(any("google.rpc.DebugInfo", Uint8Array.of()), any("google.rpc.RetryInfo", retryInfo))
const base64 = btoa(String.fromCharCode(...bytes)).replace(/=+$/, "")

const pushback = (value: unknown) =>
  RetryAfter.grpc({ code: 14, metadata: { "grpc-retry-pushback-ms": value } })

const grpcJs = (values: Readonly<Record<string, ReadonlyArray<unknown>>>) => ({
  metadata: { get: (name: string) => values[name] ?? [] }
})

const ofJson = (retryDelay: unknown) =>
  RetryAfter.grpc({ details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }] })

const ofBytes = (value: Uint8Array) => RetryAfter.grpc({ metadata: { "grpc-status-details-bin": value } })

describe("grpc", () => {
  it("reads the pushback; what is negative or unreadable means never", () => {
    assert.deepStrictEqual(pushback("250"), Duration.millis(250))
    assert.deepStrictEqual(pushback("0"), Duration.zero)
    for (const value of ["-1", "soon", "1.5", "", 250])
      assert.deepStrictEqual(pushback(value), Duration.infinity)
  })

  it("reads metadata of @grpc/grpc-js, of which values are lists", () => {
    assert.deepStrictEqual(RetryAfter.grpc(grpcJs({ "grpc-retry-pushback-ms": ["40"] })), Duration.millis(40))
    assert.deepStrictEqual(
      RetryAfter.grpc(grpcJs({ "grpc-status-details-bin": [bytes] })),
      Duration.millis(1500)
    )
    assert.isUndefined(RetryAfter.grpc(grpcJs({})))
  })

  it("reads metadata and details of Connect", () => {
    const metadata = new Headers({ "grpc-status-details-bin": base64 })
    assert.deepStrictEqual(RetryAfter.grpc({ metadata }), Duration.millis(1500))
    const details = [
      { type: "google.rpc.Help", value: retryInfo },
      { type: "google.rpc.RetryInfo", value: retryInfo }
    ]
    assert.deepStrictEqual(RetryAfter.grpc({ metadata: new Headers(), details }), Duration.millis(1500))
  })

  it("reads the details of Google's JSON", () => {
    assert.deepStrictEqual(ofJson("3.5s"), Duration.millis(3500))
    assert.deepStrictEqual(ofJson("0s"), Duration.zero)
    for (const text of ["3.5", "-1s", "1e9s", "", null, 3]) assert.isUndefined(ofJson(text))
  })

  it("takes bytes that are cut off or wrong for absent, wherever", () => {
    assert.deepStrictEqual(ofBytes(bytes), Duration.millis(1500))
    for (let length = 0; length < bytes.length; length++)
      assert.isUndefined(ofBytes(bytes.subarray(0, length)))
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const wrong = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ (1 << bit) : byte))
        const delay = ofBytes(wrong)
        assert.isTrue(delay === undefined || !Duration.isNegative(delay))
      }
    assert.isUndefined(ofBytes(Uint8Array.from({ length: 64 }, () => 0xff)))
    assert.isUndefined(RetryAfter.grpc({ metadata: { "grpc-status-details-bin": "~not base64~" } }))
    const negative = Uint8Array.from([0x0a, 11, 0x08, ...Array.from({ length: 9 }, () => 0xff), 0x01])
    assert.isUndefined(ofBytes(status(any("google.rpc.RetryInfo", negative))))
  })
})

const delays = <E>(error: E, options: Retry.Options<E, "exhausted">) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    const policy = Retry.make({
      retries: 1,
      backoff: Backoff.constant("1 second"),
      ...options,
      onRetry: ({ delay }) => void seen.push(Duration.toMillis(delay))
    })
    yield* TestClock.setTime(now)
    yield* Effect.forkChild(Effect.exit(Retry.run(Effect.fail(error), policy)), { startImmediately: true })
    return seen[0] ?? Number.NaN
  })

const response = (value: string) => ({ response: { headers: { "retry-after": value } } })

describe("in a policy", () => {
  it.effect("the wait is the least, up to a fifth more, clamped; and zero is now", () =>
    Effect.gen(function* () {
      const retryAfter = RetryAfter.http
      const wait = (value: string, maxRetryAfter?: Duration.Input) =>
        delays(response(value), { retryAfter, maxRetryAfter })
      const ten = yield* wait("10")
      assert.isTrue(ten >= 10_000 && ten < 12_000)
      const date = yield* wait("Thu, 01 Jan 2026 00:00:20 GMT")
      assert.isTrue(date >= 20_000 && date < 24_000)
      const clamped = yield* wait("86400", "5 minutes")
      assert.isTrue(clamped >= 300_000 && clamped < 360_000)
      assert.strictEqual(yield* wait("0"), 0)
      assert.strictEqual(yield* wait("nonsense"), 1000)
    })
  )

  it.effect("a reader that gives no number is not understood, and does not mean now", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* delays("no", { retryAfter: () => Number.NaN }), 1000)
    })
  )

  it.effect("a server that says never is not asked again", () =>
    Effect.gen(function* () {
      const error = { metadata: { "grpc-retry-pushback-ms": "-1" } }
      let calls = 0
      const call = Effect.suspend(() => (calls++, Effect.fail(error)))
      const policy = Retry.make({ retryAfter: RetryAfter.grpc, surface: "last" })
      assert.strictEqual(yield* Effect.flip(Retry.run(call, policy)), error)
      assert.strictEqual(calls, 1)
    })
  )
})
