/**
 * What the frames carry: the messages of `PROTOCOL.md`, written from typed values and read with schemas, since what comes from a
 * process is only what it claims to be.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Export from "./Export.ts"
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"
import * as Kind from "./Kind.ts"

/** First message of a worker: who it is and what it speaks. */
export interface Hello {
  readonly proto: number
  /** Version of the Python package `fireweed`. */
  readonly runtime: string
  /** Version of Python: major, minor, micro. */
  readonly python: ReadonlyArray<number>
  /** Implementation, such as `cpython`. */
  readonly impl: string
  /** Path of the interpreter, shims and links resolved. */
  readonly exe: string
  readonly pid: number
  readonly ppid: number
  /** Echo of what the parent passed in `FIREWEED_TOKEN`: proves that the sender is the process that was started. */
  readonly token: string
  readonly codecs: ReadonlyArray<string>
  /** The descriptor of the file in memory to which `SIGUSR2` writes the stacks of all threads, if there is one. */
  readonly stacks?: number | null
}

/** What PONG and REPORT say of a worker's process. */
export interface Vitals {
  /** Resident memory in bytes. */
  readonly rss: number | null
  /** Time on a processor so far, in seconds. */
  readonly cpu?: number
  readonly threads: number
  /** What its calls left behind; in a REPORT only. */
  readonly dirty?: ReadonlyArray<string>
}

/** One frame of a Python traceback: file, line, function, source line. */
export type TracebackFrame = readonly [file: string, line: number, name: string, source: string]

/** A Python exception, as it was raised. */
export interface PythonException {
  /** Qualified name, such as `ValueError` or `json.decoder.JSONDecodeError`. */
  readonly type: string
  readonly message: string
  /** Outermost first, as Python prints them. */
  readonly frames: ReadonlyArray<TracebackFrame>
  /** What was added by `add_note`. */
  readonly notes?: ReadonlyArray<string>
  /** The exception this one was raised `from`. */
  readonly cause?: PythonException
  /** The exception that was being handled when this one was raised. */
  readonly context?: PythonException
  /** The members of an exception group. */
  readonly group?: ReadonlyArray<PythonException>
  /** Of a `SyntaxError`: where the source is wrong. */
  readonly syntax?: SyntaxPlace
  /** Of an `OSError`: the number of the system's error, such as 2 for "no such file". */
  readonly errno?: number
}

/** A place in source that is no Python. What is not known is `null`. */
export interface SyntaxPlace {
  readonly file: string | null
  /** From 1. */
  readonly line: number | null
  /** Column, from 1. */
  readonly offset: number | null
  /** The line. */
  readonly text: string | null
}

/** A Python exception as data that can cross a process. */
export const PythonException: Schema.Codec<PythonException> = Schema.Struct({
  type: Schema.String,
  message: Schema.String,
  frames: Schema.Array(Schema.Tuple([Schema.String, Schema.Finite, Schema.String, Schema.String])),
  notes: Schema.optionalKey(Schema.Array(Schema.String)),
  cause: Schema.optionalKey(Schema.suspend((): Schema.Codec<PythonException> => PythonException)),
  context: Schema.optionalKey(Schema.suspend((): Schema.Codec<PythonException> => PythonException)),
  group: Schema.optionalKey(
    Schema.Array(Schema.suspend((): Schema.Codec<PythonException> => PythonException))
  ),
  syntax: Schema.optionalKey(
    Schema.Struct({
      file: Schema.NullOr(Schema.String),
      line: Schema.NullOr(Schema.Finite),
      offset: Schema.NullOr(Schema.Finite),
      text: Schema.NullOr(Schema.String)
    })
  ),
  errno: Schema.optionalKey(Schema.Finite)
})

/** Why a call did not give a result, as the worker says it. */
export interface WorkerError {
  readonly code:
    | "raised"
    | "exit"
    | "interrupt"
    | "oom"
    | "target"
    | "decode"
    | "encode"
    | "stream"
    | "cancelled"
    | "deadline"
  /** False when no user code of the call ran. */
  readonly started: boolean
  readonly message: string
  readonly error?: PythonException
}

/** Last message of a worker that cannot go on. */
export interface Fatal {
  readonly phase: string
  readonly message: string
  readonly error?: PythonException
}

/** A function that a worker calls by itself, once. */
export interface Hook {
  readonly target: string
  readonly args?: ReadonlyArray<Json.Json> | undefined
  readonly kwargs?: { readonly [name: string]: Json.Json } | undefined
}

/** What a worker does beside calls. */
export interface Preparation {
  /** Modules to import before READY. */
  readonly preload: ReadonlyArray<string>
  /** Called before READY. */
  readonly setup: Hook | undefined
  /** Called before BYE. */
  readonly teardown: Hook | undefined
  /** Call nothing but what is exposed. */
  readonly strict: boolean
  /** What it may call here. */
  readonly callbacks: ReadonlyArray<string>
  /** The least level of a record that it sends, as a number of Python's `logging`; none for no records. */
  readonly logs: number | undefined
  /** Targets whose signatures READY tells. Default: none. */
  readonly describe?: ReadonlyArray<string> | undefined
}

/** What READY says. */
export interface Ready {
  readonly exports: Export.Exports
  /** What is under the targets that INIT asked about, as far as that can be told. */
  readonly described: { readonly [target: string]: Export.Described }
}

/** One record of a log. */
export interface Log {
  /** As a number of Python's `logging`: 10 is DEBUG, 50 CRITICAL. */
  readonly level: number
  readonly logger: string
  readonly message: string
  /** The call it comes from, if that is known. */
  readonly call: number | null
}

/** The first frame to a worker. */
export const init = (options: {
  readonly path: ReadonlyArray<string>
  readonly maxFrame: number
  /** Calls at once. Default: 1. */
  readonly concurrency?: number | undefined
  /** Private memory of the process, in bytes. */
  readonly memory?: number | undefined
  readonly preparation?: Preparation | undefined
}): Frame.Outgoing =>
  Frame.make(
    Kind.Request.init,
    0,
    Json.encodeJson({
      proto: Kind.PROTOCOL_VERSION,
      path: options.path,
      limits: {
        frame: options.maxFrame,
        ...(options.memory === undefined ? {} : { memory: options.memory })
      },
      concurrency: options.concurrency ?? 1,
      ...(options.preparation === undefined ? {} : prepare(options.preparation))
    })
  )

/** Asks for so many more items of a stream. */
export const credit = (id: number, count: number): Frame.Outgoing =>
  Frame.make(Kind.Request.credit, id, Json.encodeJson(count))

/** Calls a call back: cancels it, but only if it has not begun. */
export const recall = (id: number): Frame.Outgoing =>
  Frame.make(Kind.Request.cancel, id, Json.encodeJson("waiting"))

/** The answer to a callback that failed. */
export const callbackError = (
  id: number,
  error: { readonly type: string; readonly message: string }
): Frame.Outgoing =>
  Frame.make(Kind.Request.callbackError, id, Json.encodeJson({ type: error.type, message: error.message }))

/** Reads READY. */
export const readReady = (frame: Frame.Frame): Option.Option<Ready> =>
  Option.map(read(ReadySchema, frame), ({ described = {}, exports = {} }) => ({ described, exports }))

/** Reads LOG. */
export const readLog = (frame: Frame.Frame): Option.Option<Log> => read(LogSchema, frame)

/** Reads HELLO. */
export const readHello = (frame: Frame.Frame): Option.Option<Hello> => read(HelloSchema, frame)

/** Reads ERROR. */
export const readError = (frame: Frame.Frame): Option.Option<WorkerError> => read(WorkerErrorSchema, frame)

/** Reads FATAL. */
export const readFatal = (frame: Frame.Frame): Option.Option<Fatal> => read(FatalSchema, frame)

/** Reads PONG or REPORT. */
export const readVitals = (frame: Frame.Frame): Option.Option<Vitals> => read(VitalsSchema, frame)

/** Reads the line a Python too old for the runtime writes instead of HELLO. */
export const readBootLine = (line: string): Option.Option<TooOld> => {
  if (!line.startsWith(BOOT_PREFIX)) return Option.none()
  const json = Json.decode(new TextEncoder().encode(line.slice(BOOT_PREFIX.length)))
  return json === undefined ? Option.none() : decodeTooOld(json.value)
}

/** How the line of a Python too old begins. */
export const BOOT_PREFIX = "FWBOOT "

/** What that line says. */
export interface TooOld {
  readonly have: ReadonlyArray<number>
  readonly need: ReadonlyArray<number>
  readonly exe: string
}

const read = <A>(schema: (value: unknown) => Option.Option<A>, frame: Frame.Frame): Option.Option<A> => {
  const json = frame.codec === 1 ? Json.decode(frame.meta) : undefined
  return json === undefined ? Option.none() : schema(json.value)
}

const decodeTooOld = Schema.decodeUnknownOption(
  Schema.Struct({
    have: Schema.Array(Schema.Finite),
    need: Schema.Array(Schema.Finite),
    exe: Schema.String
  })
)

const HelloSchema = Schema.decodeUnknownOption(
  Schema.Struct({
    proto: Schema.Finite,
    runtime: Schema.String,
    python: Schema.Array(Schema.Finite),
    impl: Schema.String,
    exe: Schema.String,
    pid: Schema.Int,
    ppid: Schema.Int,
    token: Schema.String,
    codecs: Schema.Array(Schema.String),
    stacks: Schema.optionalKey(Schema.NullOr(Schema.Int))
  })
)

const VitalsSchema = Schema.decodeUnknownOption(
  Schema.Struct({
    rss: Schema.NullOr(Schema.Finite),
    cpu: Schema.optionalKey(Schema.Finite),
    threads: Schema.Finite,
    dirty: Schema.optionalKey(Schema.Array(Schema.String))
  })
)

const WorkerErrorSchema = Schema.decodeUnknownOption(
  Schema.Struct({
    code: Schema.Literals([
      "raised",
      "exit",
      "interrupt",
      "oom",
      "target",
      "decode",
      "encode",
      "stream",
      "cancelled",
      "deadline"
    ]),
    started: Schema.Boolean,
    message: Schema.String,
    error: Schema.optionalKey(PythonException)
  })
)

const ReadySchema = Schema.decodeUnknownOption(
  Schema.Struct({
    exports: Schema.optionalKey(Export.Exports),
    described: Schema.optionalKey(Export.DescribedRecord)
  })
)

const LogSchema = Schema.decodeUnknownOption(
  Schema.Struct({
    level: Schema.Finite,
    logger: Schema.String,
    message: Schema.String,
    call: Schema.NullOr(Schema.Int)
  })
)

const prepare = (preparation: Preparation): { readonly [name: string]: Json.Json } => ({
  preload: preparation.preload,
  setup: hook(preparation.setup),
  teardown: hook(preparation.teardown),
  strict: preparation.strict,
  callbacks: preparation.callbacks,
  logs: preparation.logs ?? null,
  describe: preparation.describe ?? []
})

const hook = (spec: Hook | undefined): Json.Json =>
  spec === undefined ? null : { target: spec.target, args: spec.args ?? [], kwargs: spec.kwargs ?? null }

const FatalSchema = Schema.decodeUnknownOption(
  Schema.Struct({ phase: Schema.String, message: Schema.String, error: Schema.optionalKey(PythonException) })
)
