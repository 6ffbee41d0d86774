/**
 * D3: unused code does not pass the checks, and each option has a test that fails when it is ignored. The compiler knows when an option is missing
 * in the tables below; that its test fails was seen by taking the option out of what is decoded.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import type { CircuitBreaker, CircuitBreakers } from "@fireweed/circuit-breaker"
import type { Backoff, Hedge, Retry, RetryBudget } from "@fireweed/retry"
import type { SessionAffinity } from "@fireweed/session-affinity"
import type { Fixture, Leaks } from "@fireweed/test-kit"
import type { WorkerPool } from "@fireweed/worker-pool"
import { run } from "../process.ts"

const root = path.resolve(import.meta.dirname, "../..")

/** The names of options; those in a group come as `group.option`. */
type Names<Options, Groups extends keyof Options = never> =
  | Exclude<keyof Options & string, Groups>
  | {
      [Group in Groups & string]: `${Group}.${keyof Extract<NonNullable<Options[Group]>, object> & string}`
    }[Groups & string]

/** For each option, a file of the package's tests, and the title of a test in it. */
type Tests<Name extends string> = { readonly [name in Name]: readonly [file: string, title: string] }

const workerPool: Tests<
  Names<
    WorkerPool.Options,
    "size" | "queue" | "sessions" | "heartbeat" | "recycle" | "memory" | "crashLoop" | "recovery"
  >
> = {
  name: [
    "pool/seeing.test.ts",
    "tell of calls, times, retries, workers and what is true now, with few labels; on request only"
  ],
  "size.min": ["pool/Scaling.test.ts", "is ready when one worker is, and never has fewer than the least"],
  "size.max": [
    "pool/Scaling.test.ts",
    "doubles while calls wait, up to the most, and shrinks to the least when it was idle for long"
  ],
  "size.idleTimeout": ["pool/Scaling.test.ts", "comes back from the least, again and again"],
  "size.spare": ["pool/Scaling.test.ts", "keeps workers ready to spare beyond those that run something"],
  concurrency: ["pool/Maps.test.ts", "as many chunks as the workers can run, or fewer if it is said"],
  python: ["pool/transport.test.ts", "without it the same layer looks for Python, and says so"],
  cwd: ["python/start.test.ts", "no such working folder"],
  root: ["places.test.ts", "a preloaded file is one module, by its name and by its path"],
  env: [
    "python/renewal.test.ts",
    "each place has its environment, and native libraries as many threads as it says: ${start}"
  ],
  placeEnv: [
    "python/renewal.test.ts",
    "each place has its environment, and native libraries as many threads as it says: ${start}"
  ],
  threads: [
    "python/renewal.test.ts",
    "each place has its environment, and native libraries as many threads as it says: ${start}"
  ],
  pythonPath: [
    "python/output.test.ts",
    "100 MiB on standard error: the call is served, what the log cannot take is counted, the last lines are kept"
  ],
  requires: [
    "python/environment.test.ts",
    "D59 what is missing is an error with the version found and the command of that interpreter"
  ],
  preload: ["places.test.ts", "a preloaded file is one module, by its name and by its path"],
  reload: ["python/renewal.test.ts", "a file that changes brings new code by itself, with what is in it"],
  modules: ["python/signatures.test.ts", "with both signatures, all disagreements at once, and what to do"],
  setup: ["python/hooks.test.ts", "setup may be a coroutine, and a name alone"],
  teardown: ["python/hooks.test.ts", "runs when the pool closes, once in each worker"],
  strict: ["python/registry.test.ts", "calls what is exposed, and refuses the rest before it is sent"],
  callbacks: [
    "pool/transport.test.ts",
    "one program, with workers in memory, and nothing of Python is looked for"
  ],
  logs: ["python/logs.test.ts", "is printed by Python itself when it is `off`"],
  start: ["python/sweep.test.ts", "ends when the pool closes, by %s"],
  "queue.limit": [
    "pool/Scaling.test.ts",
    "has a queue with a limit, however large it is, and refuses what is beyond it by a type of its own"
  ],
  "queue.timeout": [
    "pool/WorkerPool.test.ts",
    "one that is opened while no worker lives waits for the next, within the queue's patience"
  ],
  "queue.weights": ["pool/fairness.test.ts", "a tenant of weight 3 has three turns for one of another"],
  limits: [
    "pool/Scaling.test.ts",
    "does not grow for calls that wait for a moment, nor for those that a limit holds back"
  ],
  maxSessions: ["pool/WorkerPool.test.ts", "no more than the limit are open at once"],
  maxBroadcasts: [
    "pool/Broadcast.test.ts",
    "no more are remembered than may be, and one more is refused before anybody is told"
  ],
  "sessions.store": ["pool/snapshots.test.ts", "is told by an event where no call has to answer for it"],
  "sessions.idleTimeout": [
    "pool/survival.test.ts",
    "D7 D8 D12 expires after the time that the option says, since it was last used, and says so each time"
  ],
  startTimeout: ["pool/Broadcast.test.ts", "a worker that is not done with it in time is not started"],
  "heartbeat.interval": [
    "worker/Heartbeat.test.ts",
    "asks as often as it is told to: a worker that runs something, and one that runs nothing"
  ],
  "heartbeat.killAfter": [
    "worker/Heartbeat.test.ts",
    "kills it after killAfter, if that is set, with the reason in the error"
  ],
  "heartbeat.idle": [
    "worker/Heartbeat.test.ts",
    "asks as often as it is told to: a worker that runs something, and one that runs nothing"
  ],
  "recycle.calls": ["pool/Renewal.test.ts", "replaces a worker that has answered enough calls"],
  "recycle.age": ["pool/Renewal.test.ts", "by age, by memory, by what calls left behind"],
  "recycle.memory": ["pool/Renewal.test.ts", "by age, by memory, by what calls left behind"],
  "recycle.dirty": ["pool/Renewal.test.ts", "by age, by memory, by what calls left behind"],
  "recycle.minLife": ["pool/Renewal.test.ts", "replaces a worker that has answered enough calls"],
  "memory.limit": ["python/memory.test.ts", "when it asks for much at once; the message names the limit"],
  cancelGrace: [
    "pool/WorkerPool.test.ts",
    "that does not come within the grace costs the worker: frame, doorbell, end"
  ],
  shutdownTimeout: [
    "pool/drain.test.ts",
    "D79 a session that does not close holds up its scope and the pool no longer than shutdownTimeout"
  ],
  "crashLoop.deaths": [
    "pool/WorkerPool.test.ts",
    "is stopped by the breaker, told to callers with the time of the next try, and healed by one good answer"
  ],
  "crashLoop.pause": [
    "pool/WorkerPool.test.ts",
    "is stopped by the breaker, told to callers with the time of the next try, and healed by one good answer"
  ],
  "recovery.concurrency": ["pool/recovery.test.ts", "no more workers are replaced at once than may be"],
  "recovery.budget": [
    "pool/recovery.test.ts",
    "D32 a worker that does not get ready within the budget is given up, and tried again"
  ],
  maxFrame: ["pool/Maps.test.ts", "items go in as many calls as it takes"],
  codec: ["python/calls.test.ts", "with JSON, also what it cannot carry, either way"],
  sweep: [
    "python/sweep.test.ts",
    "and outlived its killed program, ends with the next pool of any program, and what belongs to a living one does not"
  ],
  output: ["pool/seeing.test.ts", "what is printed goes to the logger, or to those who watch alone"],
  metrics: [
    "pool/seeing.test.ts",
    "tell of calls, times, retries, workers and what is true now, with few labels; on request only"
  ],
  spans: [
    "pool/seeing.test.ts",
    "are one for each call and stream, with what is known of it, within the caller's; on request only"
  ],
  history: [
    "pool/seeing.test.ts",
    "has the latest events, as many as it may, with their time; nobody needs to listen"
  ],
  connect: [
    "pool/transport.test.ts",
    "one program, with workers in memory, and nothing of Python is looked for"
  ]
}

const circuitBreaker: Tests<
  | Names<CircuitBreaker.Options, "halfOpen">
  | Exclude<keyof CircuitBreakers.Options, keyof CircuitBreaker.Options>
> = {
  name: ["open.test.ts", "rejects calls and says why, for how long, and what failed"],
  tripPolicy: [
    "classification.test.ts",
    "classify makes a success a failure, with its own error and retryAfter"
  ],
  openDuration: ["open.test.ts", "the open time counts from the transition, not from rejected calls"],
  openDurationFactor: ["open.test.ts", "each opening in a row lasts longer, up to the maximum"],
  maxOpenDuration: ["open.test.ts", "each opening in a row lasts longer, up to the maximum"],
  "halfOpen.trials": ["halfOpen.test.ts", "an interrupted trial gives back its slot and its place"],
  "halfOpen.concurrency": ["halfOpen.test.ts", "trials at once are limited apart from trials in all"],
  "halfOpen.successes": ["halfOpen.test.ts", "closes without waiting for the trials it does not need"],
  "halfOpen.failureRate": ["halfOpen.test.ts", "reopens as soon as it is reached"],
  "halfOpen.deadline": ["halfOpen.test.ts", "a result at the deadline is too late"],
  classify: [
    "classification.test.ts",
    "classify makes a success a failure, with its own error and retryAfter"
  ],
  metrics: [
    "seeing.test.ts",
    "count calls, rejections, transitions and open time, with few labels; on request only"
  ],
  spans: ["seeing.test.ts", "name the circuit, its state and what lies over it, on request only"],
  restore: ["saved.test.ts", "is open for as long as it was to be, and says why it had opened"],
  idleTimeToLive: ["registry.test.ts", "by the option, and no sweep goes on when the scope has closed"]
}

const retry: Tests<
  | keyof Retry.Options<unknown, "exhausted">
  | keyof Retry.CategoryOptions<unknown, string, "exhausted">
  | keyof Backoff.Options
  | keyof Hedge.Options
  | keyof RetryBudget.Options
> = {
  timeout: ["timeout.test.ts", "is for each attempt, interrupts it, and the next one has its own"],
  maxElapsed: ["Retry.test.ts", "a delay that would pass it is not slept"],
  retryAfter: ["Retry.test.ts", "can be read from elsewhere"],
  maxRetryAfter: ["Retry.test.ts", "is clamped to a minute, or to maxRetryAfter"],
  waitForCircuit: ["Retry.test.ts", "is waited out when asked"],
  idempotent: ["Retry.test.ts", "the call wins over the policy"],
  surface: ["RetryExhausted.test.ts", "is not made where the last error surfaces"],
  history: ["RetryExhausted.test.ts", "is as long as asked"],
  budget: ["RetryBudget.test.ts", "gives up at once when it is spent, with its own reason"],
  onRetry: ["RetryExhausted.test.ts", "onRetry comes before each delay, onGiveUp once at the end"],
  afterDelay: ["seeing.test.ts", "come before and after each delay, and on giving up"],
  onGiveUp: ["RetryExhausted.test.ts", "onRetry comes before each delay, onGiveUp once at the end"],
  name: ["seeing.test.ts", "count attempts, retries, and give-ups by reason"],
  metrics: ["seeing.test.ts", "count attempts, retries, and give-ups by reason"],
  spans: ["seeing.test.ts", "say how many attempts it took, and why it was given up"],
  backoff: ["Retry.test.ts", "after failures ends the retries"],
  retries: ["Retry.test.ts", "are made exactly as often as asked, at 1 to 2,048 attempts"],
  while: ["Retry.test.ts", "an error that `while` refuses passes as it is, also after retries"],
  rules: ["byCategory.test.ts", "add to the table and replace its rows"],
  classify: ["byCategory.test.ts", "classify names the category of errors that state none"],
  floor: ["Backoff.test.ts", "the floor holds, and jitter is drawn above it"],
  cap: ["Backoff.test.ts", "v2 follows the formula of Polly below the cap"],
  jitter: ["Backoff.test.ts", "full, equal and proportional draw from their ranges"],
  after: ["Hedge.test.ts", "starts as many as it may, each after the same time"],
  attempts: ["Hedge.test.ts", "starts as many as it may, each after the same time"],
  onHedge: ["seeing.test.ts", "tell of each hedge before it starts, and each attempt knows its number"],
  ratio: ["RetryBudget.test.ts", "allows exactly its ratio, whatever the rounding of the machine"],
  minimum: ["RetryBudget.test.ts", "gives up at once when it is spent, with its own reason"],
  window: ["RetryBudget.test.ts", "is shared by policies, and filled again as its window passes"]
}

const sessionAffinity: Tests<keyof SessionAffinity.Options> = {
  placement: ["leases.test.ts", "its load is what least loaded reads"],
  mode: ["hooks.test.ts", "does not run in mode strict, nor for a movement by hand"],
  waitFor: ["hooks.test.ts", "holds callers no longer than waitFor"],
  maxWaiting: ["ordered.test.ts", "no more than maxWaiting calls wait for their turns"],
  ordered: [
    "ordered.test.ts",
    "calls of one key run one after the other, in order of arrival; other keys run freely"
  ],
  saveState: ["hooks.test.ts", "runs where a busy target is left, too"],
  restoreState: [
    "hooks.test.ts",
    "runs before a lost key is served at its new place, once, with the callers behind it"
  ],
  expireAfter: ["expiry.test.ts", "expires exactly at its time"],
  expiry: ["expiry.test.ts", "D12 where the life is absolute, no use lengthens it, nor does a move"],
  maxBindings: ["bound.test.ts", "a new key is refused, known keys are served"],
  whenFull: ["bound.test.ts", "the least recently used gives way"],
  maxMetadata: ["snapshot.test.ts", "are bounded"],
  busy: ["hooks.test.ts", "runs where a busy target is left, too"],
  metrics: ["metrics.test.ts", "on request, all that happens is counted, by reasons of which there are few"],
  name: ["metrics.test.ts", "on request, all that happens is counted, by reasons of which there are few"]
}

const testKit: Tests<keyof Fixture.Options | keyof Leaks.Options> = {
  name: ["Fixture.test.ts", "fails the test, names the fixture, and holds up no other"],
  timeout: [
    "Fixture.test.ts",
    "D79 is left alone after its time limit, in real time, even if it cannot be interrupted"
  ],
  kinds: ["Leaks.test.ts", "names a child that was left"]
}

const tables: Record<string, Tests<string>> = {
  "worker-pool": workerPool,
  "circuit-breaker": circuitBreaker,
  retry,
  "session-affinity": sessionAffinity,
  "test-kit": testKit
}

describe("D3 each option has a test that fails when it is ignored", () => {
  for (const [name, table] of Object.entries(tables)) {
    it(`${name}: ${Object.keys(table).length} options, and their tests are there`, () => {
      const missing = Object.entries(table).filter(([, [file, title]]) => {
        const source = readFileSync(path.join(root, "packages", name, "test", file), "utf8")
        return !['"', "`"].some((quote) => source.includes(`${quote}${title}${quote}`))
      })
      assert.deepStrictEqual(missing, [])
    })
  }
})

describe("D3 unused code does not pass the checks", () => {
  it("a variable, a parameter, an import and a caught error that nobody uses are errors", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "unused-"))
    try {
      const file = path.join(folder, "unused.ts")
      writeFileSync(
        file,
        [
          `import * as os from "node:os"`,
          `const variable = 1`,
          `export const f = (parameter: number): number => 1`,
          `try {\n  f(2)\n} catch (caught) {\n  f(3)\n}`
        ].join("\n")
      )
      const linter = path.join(root, "node_modules/oxlint/bin/oxlint")
      const config = path.join(root, ".oxlintrc.json")
      const { code, output } = await run(process.execPath, [linter, "-c", config, "--format=unix", file])
      assert.strictEqual(code, 1, output)
      for (const name of ["os", "variable", "parameter", "caught"])
        assert.match(output, new RegExp(`'${name}'.*no-unused-vars`), output)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
