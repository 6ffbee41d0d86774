/**
 * What kind of failure an error is, how bad it is, and what to do about it: one table of rules as data, and pure functions that read
 * errors by their structure. An error needs no base class, only the fields that apply to it ({@link Fields}).
 */
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import { type Backoff, defaults, TypeId } from "./internal/backoff.ts"

/**
 * The categories the table knows.
 *
 * @category models
 */
export type Name =
  | "connection"
  | "timeout"
  | "communication"
  | "resource"
  | "circuit"
  | "initialization"
  | "health"
  | "session"
  | "validation"
  | "python"
  | "system"

/** @category models */
export type Severity = "minor" | "major" | "critical"

/**
 * How bad a failure of one category is, and its plan: how often it is retried, and after which delays.
 *
 * @category models
 */
export interface Rule {
  readonly severity: Severity
  /** How many times it is retried; 0 is never. */
  readonly retries: number
  /** Default: no delay. */
  readonly backoff?: Backoff | Schedule.Schedule<unknown> | undefined
  /** What an error's `retryAfter` is to the delay: its least length (`"floor"`, the default), or all of it. */
  readonly retryAfter?: "floor" | "instead" | undefined
  /** Whether it is retried only for a call known to be idempotent. Default false: for any not known to be otherwise. */
  readonly onlyIdempotent?: boolean | undefined
}

/**
 * The fields of an error that this package reads; all are optional, and other values than these are taken as absent.
 *
 * @category models
 */
export interface Fields {
  /** A key of the table of rules. */
  readonly category?: string
  /** Wins over the severity of the rule. */
  readonly severity?: Severity
  /** Whether all are hit and not only this call: makes it critical. */
  readonly affectsAll?: boolean
  /** How long to wait; zero is now, infinity is never. */
  readonly retryAfter?: Duration.Duration
  /** `"no"` if the call failed before it was sent: then a retry is safe. */
  readonly started?: "no" | "maybe"
  /** The same in other words: `true` if a retry is safe. */
  readonly retrySafe?: boolean
}

/**
 * The rules of a category that is not in the table: critical, never retried.
 *
 * @category rules
 */
export const unknown: Rule = { severity: "critical", retries: 0 }

// Written out as data, so that importing the table computes nothing. A test holds them against their constructors.
const spread: Backoff = { [TypeId]: TypeId, family: "decorrelated-v2", base: 100, ...defaults }
const doubled: Backoff = { [TypeId]: TypeId, family: "exponential", base: 1000, factor: 2, ...defaults }
const rising: Backoff = { [TypeId]: TypeId, family: "linear", base: 1000, increment: 1000, ...defaults }
const soon: Backoff = { [TypeId]: TypeId, family: "delays", delays: [0, 100], ...defaults, cap: 100 }

/**
 * The default table.
 *
 * | category | severity | retries |
 * | --- | --- | --- |
 * | `connection`: peer lost, pipe broken | major | 4, decorrelated v2 from 100 ms |
 * | `timeout` | major | 1, after 1 s, only if the call is idempotent |
 * | `communication`: malformed, protocol violated | major | 2, at once, then after 100 ms |
 * | `resource`: queue full, pool exhausted | critical | 3, linear from 1 s, or after the error's `retryAfter` |
 * | `circuit`: a circuit breaker's rejection | major | none; when asked to wait, 1 after the error's `retryAfter` |
 * | `initialization`: start, handshake, set-up failed | critical | 2, exponential from 1 s |
 * | `health`: probe failed | minor | 2, linear from 1 s |
 * | `session`: lost, expired, unknown | minor | none |
 * | `validation`: bad arguments | minor | none |
 * | `python`: the called code raised | major | none |
 * | `system`, and all that is not in the table | critical | none |
 *
 * @category rules
 */
export const rules: Readonly<Record<Name, Rule>> = {
  connection: { severity: "major", retries: 4, backoff: spread },
  timeout: { severity: "major", retries: 1, backoff: doubled, onlyIdempotent: true },
  communication: { severity: "major", retries: 2, backoff: soon },
  resource: { severity: "critical", retries: 3, backoff: rising, retryAfter: "instead" },
  circuit: { severity: "major", retries: 1, retryAfter: "instead" },
  initialization: { severity: "critical", retries: 2, backoff: doubled },
  health: { severity: "minor", retries: 2, backoff: rising },
  session: { severity: "minor", retries: 0 },
  validation: { severity: "minor", retries: 0 },
  python: { severity: "major", retries: 0 },
  system: unknown
}

/**
 * What an error is, by a table of rules: its category (`"unknown"` if the table does not have it), its rule, and its severity at an
 * attempt (from 1). A severity that the error itself states wins; else an error that affects all is critical, and after the third
 * attempt a failure is one level worse than its rule says.
 *
 * ```ts
 * import { Category } from "@fireweed/retry"
 * import * as assert from "node:assert"
 *
 * const { category, rule, severity } = Category.classify(Category.rules, { category: "health" }, 4)
 * assert.deepStrictEqual([category, rule.retries, severity], ["health", 2, "major"])
 * ```
 *
 * @category classification
 */
export const classify = <C extends string>(
  rules: Readonly<Record<C, Rule>>,
  error: unknown,
  attempt: number
): { readonly category: C | "unknown"; readonly rule: Rule; readonly severity: Severity } => {
  const category = of(error)
  return category !== undefined && has(rules, category)
    ? { category, rule: rules[category], severity: severityOf(rules[category], error, attempt) }
    : { category: "unknown", rule: unknown, severity: severityOf(unknown, error, attempt) }
}

/**
 * The category an error states, or `"timeout"` for Effect's own `TimeoutError`.
 *
 * @category fields
 */
export const of = (error: unknown): string | undefined => {
  const category = field(error, "category")
  if (typeof category === "string") return category
  return field(error, "_tag") === "TimeoutError" ? "timeout" : undefined
}

/**
 * The wait an error asks for, if it has a `retryAfter` that is a `Duration`.
 *
 * @category fields
 */
export const retryAfter = (error: unknown): Duration.Duration | undefined => {
  const duration = field(error, "retryAfter")
  return Duration.isDuration(duration) ? duration : undefined
}

/**
 * Whether an error says that nothing was begun, so that a retry is safe for any call.
 *
 * @category fields
 */
export const isSafe = (error: unknown): boolean =>
  field(error, "started") === "no" || field(error, "retrySafe") === true

const severityOf = (rule: Rule, error: unknown, attempt: number): Severity => {
  const stated = field(error, "severity")
  if (stated === "minor" || stated === "major" || stated === "critical") return stated
  if (field(error, "affectsAll") === true) return "critical"
  if (attempt <= 3) return rule.severity
  return rule.severity === "minor" ? "major" : "critical"
}

const has = <C extends string>(rules: Readonly<Record<C, Rule>>, key: string): key is C =>
  Object.hasOwn(rules, key)

const field = (error: unknown, key: keyof Fields | "_tag"): unknown =>
  typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined
