/**
 * Reads how long a server asks to be left alone, from the errors of its clients, for the option `retryAfter` of a policy. Errors are read by
 * their structure, so no client is named here. All readers begin with the error's own `retryAfter`, so that a circuit's rejection is
 * understood beside the errors of the client.
 *
 * ```ts
 * import { Retry, RetryAfter } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Duration from "effect/Duration"
 *
 * const response = { status: 503, headers: { "retry-after": "120" } }
 * assert.deepStrictEqual(RetryAfter.http({ response }, Date.now()), Duration.minutes(2))
 *
 * const policy = Retry.make({ retryAfter: RetryAfter.http, maxRetryAfter: "5 minutes" })
 * assert.ok(policy)
 * ```
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Headers from "effect/http/Headers"
import * as Category from "./Category.ts"
import { first, get } from "./internal/hints.ts"
import { retryDelay } from "./internal/retryInfo.ts"

/**
 * The `retryAfter` of an error, if it is a `Duration`: what a policy reads if it is told nothing else.
 *
 * @category readers
 */
export const field: (error: unknown) => Duration.Duration | undefined = Category.retryAfter

/**
 * The header `Retry-After` of a response (RFC 9110, 10.2.3): whole seconds, or a date, which is as long from `now` (in milliseconds since
 * 1970) as it says, and now if it has passed. Reads an error with a `response`, as Effect's `HttpClientError` has, or the response itself, with
 * headers as an object of lower-case names or as those of `fetch`. A value that is neither is taken as absent.
 *
 * @category readers
 */
export const http = (error: unknown, now: number): Duration.Duration | undefined => {
  const own = field(error)
  if (own !== undefined) return own
  const value = first(get(get(error, "response") ?? error, "headers"), "retry-after")
  if (typeof value !== "string") return undefined
  const parsed = Headers.parseRetryAfter(value)
  return Result.isSuccess(parsed) ? Headers.retryAfterDelay(parsed.success, now) : undefined
}

/**
 * What a gRPC server says: the trailer `grpc-retry-pushback-ms` (gRFC A6), of which a negative or unreadable value means never; else the
 * `RetryInfo` (google/rpc/error_details.proto) among the details of the status. Reads `metadata` as `@grpc/grpc-js` and Connect have it, and
 * details as Connect and as the JSON of Google's APIs have them.
 *
 * @category readers
 */
export const grpc = (error: unknown): Duration.Duration | undefined => {
  const own = field(error)
  if (own !== undefined) return own
  const metadata = get(error, "metadata")
  const pushback = first(metadata, "grpc-retry-pushback-ms")
  if (pushback !== undefined)
    return typeof pushback === "string" && /^\d+$/.test(pushback)
      ? Duration.millis(Number(pushback))
      : Duration.infinity
  return retryDelay(get(error, "details"), first(metadata, "grpc-status-details-bin"))
}
