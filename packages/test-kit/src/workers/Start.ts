/**
 * How a mock worker starts, as data: well, late, never, or in one of the ways in which a start fails.
 */
import type { CallError } from "@fireweed/worker-pool"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type { Export, Message } from "@fireweed/worker-pool/protocol"

/**
 * Marks starts.
 *
 * @category models
 */
export type TypeId = "~@fireweed/test-kit/Start"
export const TypeId: TypeId = "~@fireweed/test-kit/Start"

/**
 * How a mock worker starts.
 *
 * @category models
 */
export interface Start {
  readonly [TypeId]: TypeId
  readonly step: Step
}

/**
 * The kinds of start, for those who read a script.
 *
 * @category models
 */
export type Step =
  | { readonly _tag: "Ready"; readonly hello: Partial<Message.Hello>; readonly exports: Export.Exports }
  | { readonly _tag: "Slow"; readonly duration: Duration.Duration; readonly next: Start }
  | { readonly _tag: "Never" }
  | { readonly _tag: "Exit"; readonly exitCode: number; readonly stderr: string }
  | { readonly _tag: "Fatal"; readonly reason: Message.Fatal }
  | { readonly _tag: "TooOld"; readonly have: ReadonlyArray<number> }
  | { readonly _tag: "Refused"; readonly reason: CallError.StartError["reason"]; readonly detail: string }
  | { readonly _tag: "InTurn"; readonly starts: ReadonlyArray<Start> }

/**
 * Whether a value is a start.
 *
 * @category guards
 */
export const isStart = (u: unknown): u is Start => Predicate.hasProperty(u, TypeId)

/**
 * Says HELLO and gets ready at once.
 *
 * @category starts
 */
export const ready: Start = { [TypeId]: TypeId, step: { _tag: "Ready", hello: {}, exports: {} } }

/**
 * Says HELLO with other values, such as another version of Python, or a token that is not the one it was given.
 *
 * @category starts
 */
export const hello = (hello: Partial<Message.Hello>): Start => make({ _tag: "Ready", hello, exports: {} })

/**
 * Gets ready with these names exposed. What a name does is under it in the script, or under its target. A function that takes anything
 * unless told otherwise.
 *
 * ```ts
 * import { MockWorker, Start } from "@fireweed/test-kit/workers"
 *
 * MockWorker.connect(
 *   { score: (text: string) => text.length, "app:Counter": () => ({ next: () => 1 }) },
 *   { start: Start.exposing({ score: {}, Counter: { kind: "class", target: "app:Counter" } }) }
 * )
 * ```
 *
 * @category starts
 */
export const exposing = (exports: { readonly [name: string]: Partial<Export.Export> }): Start =>
  make({
    _tag: "Ready",
    hello: {},
    exports: Object.fromEntries(
      Object.entries(exports).map(([name, exposed]) => [
        name,
        { kind: "function" as const, target: `mock:${name}`, params: ANYTHING, ...exposed }
      ])
    )
  })

/**
 * Waits on Effect's `Clock`, then starts.
 *
 * @category starts
 */
export const slow = (duration: Duration.Input, next: Start = ready): Start =>
  make({ _tag: "Slow", duration: Duration.fromInputUnsafe(duration), next })

/**
 * Never says HELLO.
 *
 * @category starts
 */
export const never: Start = { [TypeId]: TypeId, step: { _tag: "Never" } }

/**
 * Prints lines to its standard error and leaves before HELLO.
 *
 * @category starts
 */
export const exit = (exitCode: number, stderr = ""): Start => make({ _tag: "Exit", exitCode, stderr })

/**
 * Says HELLO, but answers INIT with FATAL, and leaves with status 79: its preload or setup has failed, with an exception if one is given.
 *
 * @category starts
 */
export const fatal = (message: string, exception?: Message.PythonException): Start =>
  make({
    _tag: "Fatal",
    reason: { phase: "init", message, ...(exception === undefined ? {} : { error: exception }) }
  })

/**
 * Is a Python too old for the runtime: the line that says so, then status 78. By default 2.7.18.
 *
 * @category starts
 */
export const tooOld = (have: readonly [number, number, number] = [2, 7, 18]): Start =>
  make({ _tag: "TooOld", have })

/**
 * Cannot be spawned at all.
 *
 * @category starts
 */
export const refused = (
  reason: CallError.StartError["reason"] = "interpreter-not-found",
  detail = "no such file"
): Start => make({ _tag: "Refused", reason, detail })

/**
 * The first for the first worker that is started, the second for the second, and the last for all that follow.
 *
 * @category starts
 */
export const inTurn = (starts: readonly [Start, ...Array<Start>]): Start => make({ _tag: "InTurn", starts })

/** The parameters of what takes anything, as Python has them. */
const ANYTHING: ReadonlyArray<Export.Parameter> = [
  { name: "args", kind: "var-positional", default: false },
  { name: "kwargs", kind: "var-keyword", default: false }
]

const make = (step: Step): Start => ({ [TypeId]: TypeId, step })
