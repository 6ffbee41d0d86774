/**
 * Where something was made: the code of the test in the stack, or, since a fiber that goes on has no such stack, the `yield*` at which the
 * running fiber is. Stacks are taken at once and written out only when they are asked for.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Gives the lines, innermost first; none when the runtime does not tell. */
export type Origin = () => ReadonlyArray<string>

export const unknown: Origin = () => []

/** The way to here. */
export const capture = (): Origin => {
  const stack = takeStack(DEEP)
  const fiber = Fiber.getCurrent()
  const yielded = fiber === undefined ? undefined : yields.get(fiber)
  const frame = fiber?.cache.stackFrame
  const forked = fiber === undefined ? undefined : forks.get(fiber)
  return () => {
    const [own, outer] = split(framesOf(stack))
    const maker = own.find((line) => !isRuntime(line))
    if (maker !== undefined && isRunners([maker])) return [maker]
    const candidates = [
      () => own.filter(isTheirs),
      () => framesOf(yielded).filter(isTheirs),
      () => linesOf(frame?.stack()).filter(isTheirs),
      () => forked?.() ?? [],
      () => outer.filter(isTheirs),
      () => own.filter((line) => !isRuntime(line))
    ]
    for (const candidate of candidates) {
      const lines = candidate()
      if (lines.length > 0) return lines.slice(0, 3)
    }
    return []
  }
}

/** Whether it was made by the test runner, for itself. */
export const isRunners = ([line = ""]: ReadonlyArray<string>): boolean =>
  /\/node_modules\/@?vitest\//.test(line)

/** Keeps where a fiber was forked: what it makes, if nothing else is known, comes from there. */
export const forkedAt = (fiber: object, origin: Origin): void => void forks.set(fiber, origin)

/** Follows fibers through their `yield*` from now on; gives what ends that. */
export const follow = (): (() => void) => {
  const next = prototype.next
  prototype.next = function (value) {
    const step = next.call(this, value)
    const fiber = step.done === true ? undefined : Fiber.getCurrent()
    if (fiber !== undefined) yields.set(fiber, takeStack(SHALLOW))
    return step
  }
  return () => {
    prototype.next = next
  }
}

const DEEP = 40
const SHALLOW = 6

const forks = new WeakMap<object, Origin>()
const yields = new WeakMap<object, Error>()

/** Of what `yield*` asks an effect for. */
const prototype: { next: (this: unknown, value: unknown) => IteratorResult<unknown, unknown> } =
  Object.getPrototypeOf(Effect.void[Symbol.iterator]())

const takeStack = (depth: number): Error => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = depth
  const error = new Error()
  Error.stackTraceLimit = limit
  return error
}

const framesOf = (error: Error | undefined): ReadonlyArray<string> => linesOf(error?.stack)

const linesOf = (stack: string | undefined): ReadonlyArray<string> =>
  (stack ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "))

/** What the running fiber called, and what is below it: how Effect came to run that. */
const split = (
  frames: ReadonlyArray<string>
): readonly [own: ReadonlyArray<string>, outer: ReadonlyArray<string>] => {
  const loop = frames.findIndex((line) => /\brunLoop\b/.test(line))
  return loop < 0 ? [frames, []] : [frames.slice(0, loop), frames.slice(loop)]
}

/** The folder of this package's modules: those that ship, too. */
const here = new URL("../..", import.meta.url).pathname

const isRuntime = (line: string): boolean =>
  /\(?(?:node:|ext:)/.test(line) || line.endsWith("(<anonymous>)") || line.includes(here)

/** What npm or Deno has brought. */
const isInstalled = (line: string): boolean => /\/node_modules\/|\/npm\/[\w.-]+\//.test(line)

const isTheirs = (line: string): boolean => !isRuntime(line) && !isInstalled(line)
