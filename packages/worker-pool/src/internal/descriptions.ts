/** What a description by `PythonModule` must be; anything else is a `TypeError` that names the option. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Members, MethodRecord, PythonModule } from "../PythonModule.ts"
import { Millis } from "./durations.ts"

/** Names that a service or a session has beside those of Python. */
const RESERVED = { module: "pool", method: "session" }

const schema = Schema.declare(Schema.isSchema, { expected: "a Schema" })

const common = {
  args: Schema.optional(Schema.Record(Schema.String, schema)),
  positional: Schema.optional(Schema.Array(Schema.String)),
  deadline: Schema.optional(Millis)
}

const Fn = Schema.Struct({
  ...common,
  success: Schema.optional(schema),
  idempotent: Schema.optional(Schema.Boolean)
})

const Stream = Schema.Struct({
  ...common,
  item: Schema.optional(schema),
  idempotent: Schema.optional(Schema.Boolean),
  credit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_536 })))
})

const Session = Schema.Struct({ ...common, methods: Schema.Record(Schema.String, Schema.Unknown) })

type Common = Pick<typeof Fn.Type, "args" | "positional">

/** Checks the options of `PythonModule.fn`. */
export const checkFn = (who: string, options: unknown): void => checkArgs(who, decode(who, Fn, options))

/** Checks the options of `PythonModule.stream`. */
export const checkStream = (who: string, options: unknown): void =>
  checkArgs(who, decode(who, Stream, options))

/** Checks the options of `PythonModule.session`. */
export const checkSession = (who: string, options: { readonly methods: MethodRecord }): void => {
  checkArgs(who, decode(who, Session, options))
  for (const [name, method] of Object.entries(options.methods)) {
    checkName(who, "the method", name)
    if (name.startsWith("_"))
      throw new TypeError(
        `${who}: the method "${name}" begins with an underscore: only public ones can be described`
      )
    if (name === RESERVED.method)
      throw new TypeError(
        `${who}: a method "${name}" cannot be described, since the session itself has that name: call it by session.call("${name}")`
      )
    if (tagOf(method) !== "Fn" && tagOf(method) !== "Stream")
      throw new TypeError(`${who}: the method "${name}" is not made by PythonModule.fn or stream`)
  }
}

/** Checks the arguments of `PythonModule.make`. */
export const checkModule = (name: string, members: Members): void => {
  const who = `PythonModule.make("${name}")`
  for (const part of name.split(".")) checkName(who, "the module", part)
  for (const [member, described] of Object.entries(members)) {
    checkName(who, "the member", member)
    if (!["Fn", "Stream", "Session"].includes(String(tagOf(described))))
      throw new TypeError(`${who}: the member "${member}" is not made by PythonModule.fn, stream or session`)
  }
}

/** Why these modules cannot be together; `undefined` if they can. */
export const collision = (modules: ReadonlyArray<PythonModule>): string | undefined => {
  for (const [index, { key, name }] of modules.entries()) {
    if (key === RESERVED.module)
      return `the key "${key}" of "${name}" is taken by the pool itself: leave the module out, and use PythonModule.client`
    const other = modules.slice(0, index).find((other) => other.key === key)
    if (other !== undefined) return `"${other.name}" and "${name}" both have the key "${key}"`
  }
  return undefined
}

const decode = (who: string, options: Schema.Codec<Common, unknown>, value: unknown): Common =>
  Result.getOrThrowWith(
    Schema.decodeUnknownResult(options, { onExcessProperty: "error" })(value),
    (error) => new TypeError(`${who}: ${error.message}`)
  )

const checkArgs = (who: string, { args = {}, positional = [] }: Common): void => {
  for (const name of Object.keys(args)) checkName(who, "the argument", name)
  let optional: string | undefined
  for (const [index, name] of positional.entries()) {
    const arg = Object.hasOwn(args, name) ? args[name] : undefined
    if (arg === undefined) throw new TypeError(`${who}: positional has "${name}", which args has not`)
    if (positional.indexOf(name) !== index) throw new TypeError(`${who}: positional has "${name}" twice`)
    if (SchemaAST.isOptional(arg.ast)) optional = name
    else if (optional !== undefined)
      throw new TypeError(`${who}: positional has "${name}" behind "${optional}", which may be left out`)
  }
}

const tagOf = (u: unknown): unknown =>
  typeof u === "object" && u !== null && "_tag" in u ? u._tag : undefined

const checkName = (who: string, what: string, name: string): void => {
  if (!IDENTIFIER.test(name) || KEYWORDS.has(name) || name.normalize("NFKC") !== name)
    throw new TypeError(`${who}: ${what} "${name}" cannot have that name in Python`)
}

/** https://docs.python.org/3/reference/lexical_analysis.html#identifiers */
const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" ")
)
