/**
 * The calls of a described module: arguments are encoded by their schemas before anything is sent, the results are decoded by theirs, and
 * all else is the pool's.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InvalidCall, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Fn, MethodRecord, Parameters, PythonModule, SessionClass, StreamFn } from "../PythonModule.ts"
import type { WorkerPool } from "../WorkerPool.ts"
import type { Answer, BroadcastOptions } from "./Broadcast.ts"
import type { CallOptions, CheckedCallOptions } from "./Calls.ts"
import type { MapOptions } from "./Maps.ts"
import type { Session, SessionOptions } from "./SessionHandle.ts"
import type { Source } from "./Source.ts"
import * as Sources from "./Source.ts"
import type { CheckedStreamOptions, StreamOptions } from "./Streams.ts"

/** A pool or a session. */
interface Callee {
  readonly call: (
    target: string,
    args: ReadonlyArray<unknown>,
    options: CheckedCallOptions<unknown>
  ) => Effect.Effect<unknown, CallError>
  readonly stream: (
    target: string,
    args: ReadonlyArray<unknown>,
    options: CheckedStreamOptions<unknown>
  ) => Stream.Stream<unknown, CallError>
}

type Calls = { readonly [name: string]: unknown }

/** The calls of a module, by name. */
export const make = (pool: WorkerPool, module: PythonModule): Calls =>
  Object.fromEntries(
    Object.entries(module.members).map(([name, described]) => {
      const target = `${module.name}:${name}`
      return [
        name,
        described._tag === "Session"
          ? opener(pool, target, described)
          : described._tag === "Fn"
            ? Object.assign(call(pool, target, target, described), {
                map: map(pool, target, described),
                broadcast: broadcast(pool, target, described)
              })
            : stream(pool, target, target, described)
      ]
    })
  )

const opener = (pool: WorkerPool, target: string, described: SessionClass) => {
  const encode = encoder(described)
  return (
    key: string,
    args: unknown,
    options?: Omit<SessionOptions, "kwargs">
  ): Effect.Effect<Calls, CallError, Scope.Scope> =>
    Effect.suspend(() => {
      const encoded = encode(`${target} (session "${key}")`, args)
      if (Result.isFailure(encoded)) return Effect.fail(encoded.failure)
      const { kwargs, positional } = encoded.success
      const opened = pool.session(key, target, positional, {
        deadline: described.deadline,
        ...options,
        kwargs
      })
      return Effect.map(opened, (session) => ({ ...methods(session, target, described.methods), session }))
    })
}

const methods = (session: Session, target: string, described: MethodRecord): Calls =>
  Object.fromEntries(
    Object.entries(described).map(([name, method]) => [
      name,
      invocation(session, name, `${target}.${name} (session "${session.key}")`, method)
    ])
  )

const invocation = (callee: Callee, target: string, label: string, described: Fn | StreamFn) =>
  described._tag === "Fn" ? call(callee, target, label, described) : stream(callee, target, label, described)

const call = (callee: Callee, target: string, label: string, described: Fn) => {
  const encode = encoder(described)
  const { deadline, idempotent, success: result = Schema.Unknown } = described
  return (args: unknown, options?: Omit<CallOptions, "kwargs">): Effect.Effect<unknown, CallError> =>
    Effect.suspend(() => {
      const encoded = encode(label, args)
      if (Result.isFailure(encoded)) return Effect.fail(encoded.failure)
      const { kwargs, positional } = encoded.success
      return callee.call(target, positional, { deadline, idempotent, ...options, kwargs, result })
    })
}

const broadcast = (pool: WorkerPool, target: string, described: Fn) => {
  const encode = encoder(described)
  const { deadline, success: result = Schema.Unknown } = described
  return (
    args: unknown,
    options?: Omit<BroadcastOptions, "kwargs">
  ): Effect.Effect<ReadonlyArray<Answer<unknown>>, CallError> =>
    Effect.suspend(() => {
      const encoded = encode(target, args)
      if (Result.isFailure(encoded)) return Effect.fail(encoded.failure)
      const { kwargs, positional } = encoded.success
      return pool.broadcast(target, positional, { deadline, ...options, kwargs, result })
    })
}

const map = (pool: WorkerPool, target: string, described: Fn) => {
  const encode = encoder(described)
  const { deadline, idempotent, success: result = Schema.Unknown } = described
  // One that cannot be sent goes as the reason why, which ends the map when its turn comes.
  const encoded = (args: unknown): unknown =>
    Result.match(encode(target, args), {
      onFailure: (refusal) => refusal,
      onSuccess: ({ kwargs, positional }) => ({ args: positional, kwargs })
    })
  return (
    items: Source<unknown, unknown>,
    options?: Omit<MapOptions, "kwargs" | "each">
  ): Stream.Stream<unknown, unknown, unknown> =>
    pool.map(target, Sources.map(items, encoded), { deadline, idempotent, ...options, each: "call", result })
}

const stream = (callee: Callee, target: string, label: string, described: StreamFn) => {
  const encode = encoder(described)
  const { credit, deadline, idempotent, item = Schema.Unknown } = described
  return (args: unknown, options?: Omit<StreamOptions, "kwargs">): Stream.Stream<unknown, CallError> =>
    Stream.suspend(() => {
      const encoded = encode(label, args)
      if (Result.isFailure(encoded)) return Stream.fail(encoded.failure)
      const { kwargs, positional } = encoded.success
      return callee.stream(target, positional, { credit, deadline, idempotent, ...options, kwargs, item })
    })
}

/** Arguments as they are sent. */
interface Encoded {
  readonly positional: ReadonlyArray<unknown>
  readonly kwargs: { readonly [name: string]: unknown }
}

type Encode = (label: string, args: unknown) => Result.Result<Encoded, InvalidCall>

const encoder = ({ args: fields = {}, positional }: Parameters): Encode => {
  const encode = Schema.encodeUnknownResult(Schema.Struct(fields), {
    onExcessProperty: "error",
    errors: "all"
  })
  return (label, args) => {
    const encoded = encode(args ?? {})
    if (Result.isFailure(encoded))
      return refused(label, `args are not what is described: ${encoded.failure.message}`)
    const named = new Map<string, unknown>(Object.entries(Object(encoded.success)))
    // What is `undefined` was left out: Python has a default for it.
    for (const [name, value] of named) if (value === undefined) named.delete(name)
    const first: Array<unknown> = []
    for (const [index, name] of positional.entries()) {
      if (!named.has(name)) continue
      if (first.length < index)
        return refused(
          label,
          `args have "${name}", and lack "${positional[first.length]}" that comes before it`
        )
      first.push(named.get(name))
      named.delete(name)
    }
    return Result.succeed({ positional: first, kwargs: Object.fromEntries(named) })
  }
}

const refused = (target: string, detail: string): Result.Result<never, InvalidCall> =>
  Result.fail(stackless(() => new InvalidCall({ reason: "arguments", target, detail, started: "no" })))
