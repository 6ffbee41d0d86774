/**
 * Python modules described once: from one description come the types of the calls, the check of what is sent and of what comes back, and
 * the comparison with Python's own signatures when a pool starts.
 *
 * Arguments have names, and are sent by them. Those that Python takes by position alone are listed in `positional`, in Python's order.
 *
 * ```ts
 * import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Statistics = PythonModule.make("statistics", {
 *   quantiles: PythonModule.fn({
 *     args: { data: Schema.Array(Schema.Finite), n: Schema.optionalKey(Schema.Int) },
 *     success: Schema.Array(Schema.Finite),
 *     idempotent: true
 *   })
 * })
 *
 * class Pool extends WorkerPool.Service<Pool>()("app/Pool", { modules: [Statistics], size: 1 }) {}
 *
 * const program = Effect.gen(function* () {
 *   const { statistics } = yield* Pool
 *   return yield* statistics.quantiles({ data: [1, 5, 7, 9], n: 4 }, { deadline: "2 seconds" })
 * })
 *
 * const quantiles = await Effect.runPromise(Effect.provide(program, Pool.layer))
 * if (quantiles.join() !== "2,6,8.5") throw new Error(`not expected: ${quantiles}`)
 * ```
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { CallError } from "./CallError.ts"
import * as Descriptions from "./internal/descriptions.ts"
import type { MapError } from "./MapError.ts"
import type { Answer, BroadcastOptions } from "./pool/Broadcast.ts"
import type { CallOptions } from "./pool/Calls.ts"
import type { MapOptions } from "./pool/Maps.ts"
import type { Session as UntypedSession, SessionOptions as UntypedOptions } from "./pool/SessionHandle.ts"
import type { StreamOptions } from "./pool/Streams.ts"
import * as TypedClient from "./pool/TypedClient.ts"
import type { WorkerPool } from "./WorkerPool.ts"

/** Marks values made by {@link make}. */
export type TypeId = "~@fireweed/worker-pool/PythonModule"
export const TypeId: TypeId = "~@fireweed/worker-pool/PythonModule"

/** The arguments of a function, by name; what may be left out is `Schema.optionalKey` or `Schema.optional`. */
export interface Fields {
  readonly [name: PropertyKey]: Schema.ConstraintCodec<unknown, unknown>
}

/** How a function is called: what {@link fn}, {@link stream} and {@link session} have in common. */
export interface Parameters<Args extends Fields = Fields> {
  readonly args: Args | undefined
  /** Those that are sent by position, in this order; the others are sent by name. */
  readonly positional: ReadonlyArray<string>
  /** For all of a call, unless it says otherwise. */
  readonly deadline: Duration.Input | undefined
}

/** A function described by {@link fn}. */
export interface Fn<Args extends Fields = Fields, Success = unknown> extends Parameters<Args> {
  readonly _tag: "Fn"
  readonly success: Schema.Codec<Success, unknown> | undefined
  readonly idempotent: boolean
}

/** A generator described by {@link stream}. */
export interface StreamFn<Args extends Fields = Fields, Item = unknown> extends Parameters<Args> {
  readonly _tag: "Stream"
  readonly item: Schema.Codec<Item, unknown> | undefined
  readonly idempotent: boolean
  readonly credit: number | undefined
}

/** A class described by {@link session}. */
export interface SessionClass<
  Args extends Fields = Fields,
  Methods extends MethodRecord = MethodRecord
> extends Parameters<Args> {
  readonly _tag: "Session"
  readonly methods: Methods
}

/** The methods of a class, by name. */
export interface MethodRecord {
  readonly [name: string]: Fn | StreamFn
}

/** What a module has, by name. */
export interface Members {
  readonly [name: string]: Fn | StreamFn | SessionClass
}

/** A Python module as it is described. */
export interface PythonModule<out Name extends string = string, out M extends Members = Members> {
  readonly [TypeId]: typeof TypeId
  /** As Python imports it. */
  readonly name: Name
  /** What its client goes by: the last part of the name. */
  readonly key: KeyOf<Name>
  readonly members: M
}

/** What the client of a module goes by: `analysis` for `app.analysis`. */
export type KeyOf<Name extends string> = Name extends `${string}.${infer Rest}` ? KeyOf<Rest> : Name

/** The values of arguments, as they are given to a call. */
export type ArgsOf<F extends Fields> = keyof F extends never
  ? { readonly [name: string]: never }
  : Schema.Struct.Type<F>

type Call<F extends Fields, Options, R> =
  {} extends ArgsOf<F>
    ? (args?: ArgsOf<F>, options?: Options) => R
    : (args: ArgsOf<F>, options?: Options) => R

type Open<F extends Fields, R> =
  {} extends ArgsOf<F>
    ? (key: string, args?: ArgsOf<F>, options?: Omit<UntypedOptions, "kwargs">) => R
    : (key: string, args: ArgsOf<F>, options?: Omit<UntypedOptions, "kwargs">) => R

/** The calls of one function, generator or class. */
export type Member<D> =
  D extends Fn<infer F, infer A>
    ? Call<F, Omit<CallOptions, "kwargs">, Effect.Effect<A, CallError>>
    : D extends StreamFn<infer F, infer A>
      ? Call<F, Omit<StreamOptions, "kwargs">, Stream.Stream<A, CallError>>
      : D extends SessionClass<infer F, infer M>
        ? Open<F, Effect.Effect<Session<M>, CallError, Scope.Scope>>
        : never

/**
 * What a described function of a module has beside its call: calls with many arguments, as `WorkerPool.map` makes them, and one on every worker,
 * as `WorkerPool.broadcast` makes it.
 */
export type Several<D> =
  D extends Fn<infer F, infer A>
    ? {
        readonly map: <E = never, R = never>(
          items: Iterable<ArgsOf<F>> | Stream.Stream<ArgsOf<F>, E, R>,
          options?: Omit<MapOptions, "kwargs" | "each">
        ) => Stream.Stream<A, MapError | E, R>
        readonly broadcast: Call<
          F,
          Omit<BroadcastOptions, "kwargs">,
          Effect.Effect<ReadonlyArray<Answer<A>>, CallError>
        >
      }
    : unknown

/** A session of a described class: its methods, and `session` for calls of others. */
export type Session<M extends MethodRecord> = {
  readonly [K in keyof M]: Member<M[K]>
} & { readonly session: UntypedSession }

/** The calls of one module. */
export type Client<M extends PythonModule> = {
  readonly [K in keyof M["members"]]: Member<M["members"][K]> & Several<M["members"][K]>
}

/** The calls of several modules, each under its key. */
export type Clients<Modules extends ReadonlyArray<PythonModule>> = {
  readonly [M in Modules[number] as M["key"]]: Client<M>
}

/**
 * Describes a module. `name` is as Python imports it; its functions, generators and classes are described by {@link fn}, {@link stream} and
 * {@link session}, under their names in Python. A name that cannot be one in Python is a defect, a `TypeError` that names it.
 *
 * @category constructors
 */
export const make = <const Name extends string, const M extends Members>(
  name: Name,
  members: M
): PythonModule<Name, M> => {
  Descriptions.checkModule(name, members)
  return { [TypeId]: TypeId, name, key: keyOf(name), members }
}

/** Whether a value is a module made by {@link make}. */
export const isPythonModule = (u: unknown): u is PythonModule => Predicate.hasProperty(u, TypeId)

/** What {@link fn}, {@link stream} and {@link session} take. */
interface Common<Args extends Fields> {
  /** The arguments, by their names in Python. Default: none. */
  readonly args?: Args | undefined
  /** Those that Python takes by position alone, in its order; optional ones come last. Default: none. */
  readonly positional?: ReadonlyArray<keyof Args & string> | undefined
  /** For all of a call: the wait for a worker, retries and the work. A call can set its own. Default: no limit but the queue's. */
  readonly deadline?: Duration.Input | undefined
}

/** Options of {@link fn}. */
export interface FnOptions<Args extends Fields, Success> extends Common<Args> {
  /** What it returns; anything else fails with `InvalidCall`, reason `result`. `Schema.Void` for `None`. Default: `Schema.Unknown`. */
  readonly success?: Schema.Codec<Success, unknown> | undefined
  /** Whether it may run twice; see `CallOptions`. Default: false. */
  readonly idempotent?: boolean | undefined
}

/** Options of {@link stream}. */
export interface StreamFnOptions<Args extends Fields, Item> extends Common<Args> {
  /** What each item is; anything else ends the stream with `InvalidCall`, reason `result`. Default: `Schema.Unknown`. */
  readonly item?: Schema.Codec<Item, unknown> | undefined
  /** Whether it may run twice; see `StreamOptions`. Default: false. */
  readonly idempotent?: boolean | undefined
  /** How many items Python may be ahead; see `StreamOptions`. Default: 64. */
  readonly credit?: number | undefined
}

/** Options of {@link session}. */
export interface SessionOptions<Args extends Fields, Methods extends MethodRecord> extends Common<Args> {
  /** Its public methods, by their names in Python. */
  readonly methods: Methods
}

/**
 * Describes a function, synchronous or `async def`. Options that make no sense are a defect, a `TypeError` that names the option.
 *
 * ```ts
 * import { PythonModule } from "@fireweed/worker-pool"
 * import * as Schema from "effect/Schema"
 *
 * PythonModule.make("math", {
 *   dist: PythonModule.fn({
 *     args: { p: Schema.Array(Schema.Finite), q: Schema.Array(Schema.Finite) },
 *     positional: ["p", "q"],
 *     success: Schema.Finite,
 *     idempotent: true
 *   })
 * })
 * ```
 *
 * @category constructors
 */
export const fn = <const Args extends Fields = {}, Success = unknown>(
  options: FnOptions<Args, Success> = {}
): Fn<NoInfer<Args>, Success> => {
  Descriptions.checkFn("PythonModule.fn", options)
  const { args, deadline, idempotent = false, positional = [], success } = options
  return { _tag: "Fn", args, positional, deadline, idempotent, success }
}

/**
 * Describes a generator, synchronous or not, or another function that returns an iterator. Options that make no sense are a defect.
 *
 * ```ts
 * import { PythonModule } from "@fireweed/worker-pool"
 * import * as Schema from "effect/Schema"
 *
 * PythonModule.make("app.files", {
 *   walk: PythonModule.stream({ args: { root: Schema.String }, item: Schema.String, credit: 256 })
 * })
 * ```
 *
 * @category constructors
 */
export const stream = <const Args extends Fields = {}, Item = unknown>(
  options: StreamFnOptions<Args, Item> = {}
): StreamFn<NoInfer<Args>, Item> => {
  Descriptions.checkStream("PythonModule.stream", options)
  const { args, credit, deadline, idempotent = false, item, positional = [] } = options
  return { _tag: "Stream", args, positional, deadline, idempotent, item, credit }
}

/**
 * Describes a class whose objects are sessions: each lives on one worker. Options that make no sense are a defect.
 *
 * ```ts
 * import { PythonModule } from "@fireweed/worker-pool"
 * import * as Schema from "effect/Schema"
 *
 * PythonModule.make("collections", {
 *   Counter: PythonModule.session({
 *     args: { iterable: Schema.String },
 *     positional: ["iterable"],
 *     methods: { most_common: PythonModule.fn({ args: { n: Schema.optionalKey(Schema.Int) } }) }
 *   })
 * })
 * ```
 *
 * @category constructors
 */
export const session = <const Args extends Fields = {}, const Methods extends MethodRecord = MethodRecord>(
  options: SessionOptions<Args, Methods>
): SessionClass<NoInfer<Args>, Methods> => {
  Descriptions.checkSession("PythonModule.session", options)
  const { args, deadline, methods, positional = [] } = options
  return { _tag: "Session", args, positional, deadline, methods }
}

/**
 * The typed calls of a module in a pool. Only a pool that was made with the module among its `modules` has compared it with Python; in
 * another one each call is checked by itself.
 *
 * ```ts
 * import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Keyword = PythonModule.make("keyword", {
 *   iskeyword: PythonModule.fn({ args: { s: Schema.String }, positional: ["s"], success: Schema.Boolean })
 * })
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ size: 1, modules: [Keyword] })
 *   const keyword = PythonModule.client(pool, Keyword)
 *   return yield* keyword.iskeyword({ s: "lambda" })
 * })
 *
 * if (!(await Effect.runPromise(Effect.scoped(program)))) throw new Error("expected true")
 * ```
 *
 * @category clients
 */
export function client<M extends PythonModule>(pool: WorkerPool, module: M): Client<M>
export function client(pool: WorkerPool, module: PythonModule): object {
  return TypedClient.make(pool, module)
}

/**
 * The typed calls of several modules in a pool, each under its key: what `WorkerPool.Service` provides.
 *
 * @category clients
 */
export function clients<const Modules extends ReadonlyArray<PythonModule>>(
  pool: WorkerPool,
  modules: Modules
): Clients<Modules>
export function clients(pool: WorkerPool, modules: ReadonlyArray<PythonModule>): object {
  return Object.fromEntries(modules.map((module) => [module.key, TypedClient.make(pool, module)]))
}

function keyOf<const Name extends string>(name: Name): KeyOf<Name>
function keyOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1)
}
