/** What the pool asks for, read from the meta of its frames. */
import { Kind } from "@fireweed/worker-pool/protocol"
import type { Codec } from "@fireweed/worker-pool/protocol"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A CALL, an OPEN or a CLOSE. */
export interface Request {
  /** The function, class or method; empty for CLOSE. */
  readonly target: string
  readonly args: ReadonlyArray<unknown>
  readonly kwargs: { readonly [name: string]: unknown }
  /** Time left when it was sent, in milliseconds. */
  readonly deadline: number | undefined
  /** The name of its session. */
  readonly session: string | undefined
  /** With this it is a stream: how many items may be sent at first. */
  readonly credit: number | undefined
  /** With this it is one call for each of `args`: its one argument, or `[args, kwargs]`. */
  readonly map: Codec.MapMode | undefined
  /** The answer is to have a snapshot of the session with it. */
  readonly takes: boolean
  /** The first argument was a snapshot, to make the session from. */
  readonly restores: Uint8Array | undefined
}

/** Reads one; `undefined` if it is not what the protocol says. */
export const read = (kind: number, meta: unknown): Request | undefined => {
  if (kind === Kind.Request.close) {
    const close = Option.getOrUndefined(decodeClose(meta))
    return (
      close && {
        target: "",
        args: [],
        kwargs: {},
        deadline: undefined,
        session: close.session,
        credit: undefined,
        map: undefined,
        takes: false,
        restores: undefined
      }
    )
  }
  const call = Option.getOrUndefined(decodeCall(meta))
  if (call === undefined) return undefined
  const [[target, args, kwargs], options] = call
  if (kind === Kind.Request.open && options?.session === undefined) return undefined
  const { credit, deadline, map, restore = false, session, snapshot = false } = options ?? {}
  if (kind === Kind.Request.open && (credit !== undefined || map !== undefined)) return undefined
  if (map !== undefined && credit !== undefined) return undefined
  if (map === "calls" && (kwargs !== null || decodeCalls(args)._tag === "None")) return undefined
  if (restore && kind !== Kind.Request.open) return undefined
  const restores = restore ? readSnapshot(args[0]) : undefined
  if (restore && restores === undefined) return undefined
  return {
    target,
    args: restore ? args.slice(1) : args,
    kwargs: kwargs ?? {},
    deadline,
    session,
    credit,
    map,
    takes: snapshot && session !== undefined,
    restores
  }
}

/** Bytes, or, in JSON, their Base64. */
const readSnapshot = (data: unknown): Uint8Array | undefined => {
  const bytes = typeof data === "string" ? Result.getOrUndefined(Base64.decode(data)) : data
  return bytes instanceof Uint8Array ? bytes : undefined
}

/** The arguments of each call that it asks for. */
export const callsOf = ({ args, kwargs, map }: Request): ReadonlyArray<ReadonlyArray<unknown>> => {
  switch (map) {
    case undefined:
      return [withNamed(args, kwargs)]
    case "items":
      return args.map((item) => withNamed([item], kwargs))
    case "calls":
      return Option.getOrElse(decodeCalls(args), () => []).map(([positional, named]) =>
        withNamed(positional, named ?? {})
      )
  }
}

const withNamed = (
  args: ReadonlyArray<unknown>,
  kwargs: { readonly [name: string]: unknown }
): ReadonlyArray<unknown> => (Object.keys(kwargs).length === 0 ? args : [...args, kwargs])

/** What INIT asks for, as far as a mock does it. */
export interface Init {
  /** In bytes. */
  readonly maxFrame: number | undefined
  readonly strict: boolean
  /** Calls at once. */
  readonly concurrency: number
  readonly callbacks: ReadonlyArray<string>
  /** The least level of a record that is sent. */
  readonly logs: number
  /** Targets whose signatures it is asked for. */
  readonly describe: ReadonlyArray<string>
}

/** Reads INIT; `undefined` if it is for another protocol. */
export const readInit = (meta: unknown): Init | undefined =>
  Option.getOrUndefined(
    Option.map(decodeInit(meta), (init) => ({
      maxFrame: init.limits?.frame,
      strict: init.strict ?? false,
      concurrency: init.concurrency ?? 1,
      callbacks: init.callbacks ?? [],
      logs: init.logs ?? Number.POSITIVE_INFINITY,
      describe: init.describe ?? []
    }))
  )

const decodeCall = Schema.decodeUnknownOption(
  Schema.Tuple([
    Schema.Tuple([
      Schema.String,
      Schema.Array(Schema.Unknown),
      Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))
    ]),
    Schema.NullOr(
      Schema.Struct({
        deadline: Schema.optionalKey(Schema.Finite),
        session: Schema.optionalKey(Schema.String),
        credit: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
        map: Schema.optionalKey(Schema.Literals(["items", "calls"])),
        snapshot: Schema.optionalKey(Schema.Boolean),
        restore: Schema.optionalKey(Schema.Boolean)
      })
    )
  ])
)

const decodeCalls = Schema.decodeUnknownOption(
  Schema.Array(
    Schema.Tuple([Schema.Array(Schema.Unknown), Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))])
  )
)

const decodeClose = Schema.decodeUnknownOption(Schema.Struct({ session: Schema.String }))

const decodeInit = Schema.decodeUnknownOption(
  Schema.Struct({
    proto: Schema.Literal(Kind.PROTOCOL_VERSION),
    path: Schema.Array(Schema.String),
    limits: Schema.optionalKey(Schema.Struct({ frame: Schema.optionalKey(Schema.Finite) })),
    strict: Schema.optionalKey(Schema.Boolean),
    concurrency: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
    callbacks: Schema.optionalKey(Schema.Array(Schema.String)),
    logs: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    describe: Schema.optionalKey(Schema.Array(Schema.String))
  })
)
