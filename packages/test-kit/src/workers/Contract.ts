/**
 * What a pool may expect of a worker, as one list of behaviours, each with what has to come of it. It is held against mock workers and against
 * real Python, by the same code, so the two may not differ; and it can be held against a transport of your own.
 *
 * ```ts
 * import { Contract, MockWorker } from "@fireweed/test-kit/workers"
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const connect = MockWorker.connect(Contract.script, { start: Contract.start })
 *   const pool = yield* WorkerPool.make({ connect, callbacks: Contract.callbacks, crashLoop: { deaths: 100 } })
 *   return yield* Contract.verify(pool, Contract.behaviours)
 * })
 *
 * const names = await Effect.runPromise(Effect.scoped(program))
 * if (names.length !== Contract.behaviours.length) throw new Error("expected all to be kept")
 * ```
 */
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Behaviours from "../internal/contract/behaviours.ts"
import * as Python from "../internal/contract/python.ts"
import * as Mock from "../internal/contract/script.ts"
import type { Script } from "./MockWorker.ts"
import type { Start } from "./Start.ts"

/**
 * What a call came to: its value, or what tells its failure from others.
 *
 * @category models
 */
export type Outcome =
  | { readonly value: unknown }
  | {
      readonly tag: CallError.CallError["_tag"]
      readonly reason: string
      readonly started: CallError.Started
      /** Of a `PythonError`: type and message. */
      readonly exception?: string
    }

/**
 * Something that workers do.
 *
 * @category models
 */
export interface Behaviour {
  readonly name: string
  readonly run: (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown, CallError.CallError>
  readonly expected: Outcome
}

const ContractBrokenBase: new (args: {
  readonly broken: ReadonlyArray<{
    readonly name: string
    readonly expected: Outcome
    readonly found: Outcome
  }>
}) => Cause.YieldableError & {
  readonly _tag: "ContractBroken"
  readonly broken: ReadonlyArray<{
    readonly name: string
    readonly expected: Outcome
    readonly found: Outcome
  }>
} = Data.TaggedError("ContractBroken")

/**
 * The behaviours that were not as they have to be.
 *
 * @category errors
 */
export class ContractBroken extends ContractBrokenBase {
  override get message(): string {
    return this.broken
      .map(
        ({ expected, found, name }) => `${name}\n  expected ${shown(expected)}\n  found    ${shown(found)}`
      )
      .join("\n")
  }
}

/**
 * All of them, in the order in which they are to be tried. The pool must have {@link callbacks}, must not take some deaths for a crash loop, and its workers must
 * have loaded {@link python}, or be mocks with {@link script} and {@link start}.
 *
 * @category behaviours
 */
export const behaviours: ReadonlyArray<Behaviour> = Behaviours.behaviours

/**
 * Those of a pool with the codec `pickle`, the default: values that JSON has not.
 *
 * @category behaviours
 */
export const pickled: ReadonlyArray<Behaviour> = Behaviours.pickled

/**
 * Those of a pool with the option `strict`.
 *
 * @category behaviours
 */
export const strict: ReadonlyArray<Behaviour> = Behaviours.strict

/**
 * The source of the module `contract` for real workers: write it to a file `contract.py`, put its folder in `pythonPath` and its name in
 * `preload`.
 *
 * @category fixtures
 */
export const python: string = Python.python

/**
 * The same module for mock workers.
 *
 * @category fixtures
 */
export const script: Script = Mock.script

/**
 * What that module exposes.
 *
 * @category fixtures
 */
export const start: Start = Mock.start

/**
 * The functions that the module calls back.
 *
 * @category fixtures
 */
export const callbacks: { readonly [name: string]: (n: number) => unknown } = {
  double: (n: number) => 2 * n,
  later: (n: number) => Effect.as(Effect.sleep(5), n),
  fails: () => Effect.die(new RangeError("too far"))
}

/**
 * Tries these behaviours on a pool, one after the other, and gives their names; fails with {@link ContractBroken} if some are not as they have
 * to be.
 *
 * @category combinators
 */
export const verify = (
  pool: WorkerPool.WorkerPool,
  behaviours: ReadonlyArray<Behaviour>
): Effect.Effect<ReadonlyArray<string>, ContractBroken> =>
  Effect.gen(function* () {
    const tried = yield* Effect.forEach(behaviours, ({ expected, name, run }) =>
      Effect.map(Behaviours.outcome(run(pool)), (found) => ({ name, expected, found }))
    )
    const broken = tried.filter(({ expected, found }) => !Equal.equals(expected, found))
    if (broken.length > 0) return yield* new ContractBroken({ broken })
    return tried.map(({ name }) => name)
  })

const shown = (outcome: Outcome): string => {
  const text = JSON.stringify(outcome)
  return text.length > 300 ? `${text.slice(0, 300)}...` : text
}
