/** From the name of a target to what a script says of it, as Python finds a function or a method. */
import { Kind } from "@fireweed/worker-pool/protocol"
import type { Export } from "@fireweed/worker-pool/protocol"
import { isBehaviour } from "../workers/Behaviour.ts"
import type { Handler } from "../workers/Behaviour.ts"
import type { Request } from "./Request.ts"
import * as Snapshots from "./Snapshots.ts"

/** What each target does. */
export type Script = { readonly [target: string]: Handler }

/** What was found. */
export type Target =
  | { readonly _tag: "Found"; readonly handler: Handler; readonly self: unknown }
  /** A CLOSE of an object that has no `close`, or a call for its snapshot alone. */
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Missing"; readonly message: string }

/** What a worker has. */
export interface Worker {
  readonly script: Script
  readonly exports: Export.Exports
  /** It calls nothing but what it exposes. */
  readonly strict: boolean
  /** The objects of the open sessions. */
  readonly sessions: ReadonlyMap<string, unknown>
}

/** Finds the target of a request. */
export const find = (kind: number, request: Request, worker: Worker): Target => {
  const { script, sessions } = worker
  const { session, target } = request
  if (kind === Kind.Request.open && session !== undefined && sessions.has(session)) {
    return missing(`the session '${session}' is open already`)
  }
  if (kind === Kind.Request.open || session === undefined) {
    const exposed = Object.entries(worker.exports).find(
      ([name, exposed]) => name === target || exposed.target === target
    )
    if (worker.strict && exposed === undefined) return missing(`'${target}' is not exposed (strict)`)
    if (worker.strict && kind === Kind.Request.open && exposed?.[1].kind !== "class")
      return missing("a session is made of a class here (strict)")
    const names = exposed === undefined ? [target] : [target, exposed[0], exposed[1].target]
    const name = names.find((name) => Object.hasOwn(script, name))
    const handler = name === undefined ? undefined : script[name]
    return handler === undefined
      ? missing(unknownTarget(target, script))
      : { _tag: "Found", handler, self: undefined }
  }
  if (!sessions.has(session)) return missing(`no session '${session}' in this worker`)
  const object = sessions.get(session)
  const closing = kind === Kind.Request.close
  if (worker.strict && target.startsWith("_"))
    return missing("methods that begin with an underscore cannot be called here (strict)")
  if (target === Snapshots.METHOD) return { _tag: "Nothing" }
  const method = memberOf(object, closing ? "close" : target)
  if (isHandler(method)) return { _tag: "Found", handler: method, self: object }
  if (closing) return { _tag: "Nothing" }
  return missing(
    method === undefined ? `the session's object has no method '${target}'` : `'${target}' is not callable`
  )
}

/** The signatures of those targets of which the worker was told one: it exposes them, or a class that has them as a method. */
export const described = (
  targets: ReadonlyArray<string>,
  exports: Export.Exports
): { readonly [target: string]: Export.Described } => {
  const known = Object.entries(exports).flatMap(([name, { methods = {}, target, ...signature }]) => [
    [name, signature] as const,
    [target, signature] as const,
    ...Object.entries(methods).map(([method, signature]) => [`${target}.${method}`, signature] as const)
  ])
  return Object.fromEntries(known.filter(([target]) => targets.includes(target)))
}

/** Whether a value can stand in a script. */
export const isHandler = (u: unknown): u is Handler => typeof u === "function" || isBehaviour(u)

const missing = (message: string): Target => ({ _tag: "Missing", message })

const unknownTarget = (target: string, script: Script): string => {
  const colon = target.lastIndexOf(":")
  if (colon <= 0 || colon === target.length - 1) {
    return `target '${target}' is neither 'package.module:name' nor '/absolute/file.py:name', nor exposed`
  }
  const module = target.slice(0, colon)
  return Object.keys(script).some((name) => name.startsWith(`${module}:`))
    ? `'${module}' has no '${target.slice(colon + 1)}'`
    : `no module named '${module}' in sys.path`
}

/** What an object has under a name. What every object of JavaScript inherits is no method in Python. */
export const memberOf = (object: unknown, name: string): unknown => {
  if (typeof object !== "object" || object === null) return undefined
  const member: unknown = Reflect.get(object, name)
  return member === Reflect.get(Object.prototype, name) ? undefined : member
}
