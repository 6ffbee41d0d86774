/**
 * The worker's side of a mock worker: it reads frames, runs calls, one after another or side by side, as the script says, and writes frames, by the rules of
 * `PROTOCOL.md`. What `python/fireweed/_worker.py` is for a real one.
 */
import { Codec, Frame, Json, Kind } from "@fireweed/worker-pool/protocol"
import type { Export, Message } from "@fireweed/worker-pool/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Start from "../workers/Start.ts"
import * as Callbacks from "./Callbacks.ts"
import * as Failure from "./Failure.ts"
import * as Flow from "./Flow.ts"
import * as Interpreter from "./Interpreter.ts"
import type { Peer, Wire } from "./MemoryTransport.ts"
import * as Request from "./Request.ts"
import * as Snapshots from "./Snapshots.ts"
import * as Targets from "./Targets.ts"

/** What a worker is made of. */
export interface Options {
  readonly wire: Wire
  readonly token: string
  readonly pid: number
  readonly script: Targets.Script
  readonly start: Start.Step
  /** The one of these whose turn it is. */
  readonly take: <A>(owner: object, choices: ReadonlyArray<A>) => A | undefined
  /** Told of every frame and every signal. */
  readonly record: (kind: string, id: number, meta: unknown, request: Request.Request | undefined) => void
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** Milliseconds. */
  readonly now: () => number
}

interface Job extends Interpreter.Job {
  /** How the call was written, and so its answer is. */
  readonly codec: Codec.Codec
  readonly request: Request.Request | undefined
  readonly arrived: number
  /** Of a map: those that are there. */
  readonly results: Array<unknown> | undefined
  fiber?: Fiber.Fiber<unknown, unknown>
  /** User code runs, so a failure from now on is its own. */
  started: boolean
}

/** Exit status of a worker that cannot go on. */
const FATAL_STATUS = 79
/** Exit status of a Python that is too old. */
const TOO_OLD_STATUS = 78

/** Starts a worker; its first word comes in a later microtask. */
export const make = (options: Options): Peer => {
  const { fork, now, record, wire } = options
  const sessions = new Map<string, unknown>()
  let queue: Array<Job> = []
  /** By their ids, the oldest first. */
  const running = new Map<number, Job>()
  let concurrent = false
  let initialized = false
  let leaving = false
  let stopped = false
  let failure: Message.Fatal | undefined
  let exports: Export.Exports = {}
  let strict = false
  let logs = Number.POSITIVE_INFINITY
  let maxFrame = Frame.DEFAULT_MAX_FRAME

  const sendFrame = (frame: Frame.Outgoing): void => {
    for (const piece of Frame.encode(frame)) wire.write(piece)
  }

  const send = (kind: number, id = 0, meta?: Json.Json): void =>
    sendFrame(Frame.make(kind, id, meta === undefined ? Frame.EMPTY : Json.encodeJson(meta)))

  const sendError = (id: number, error: Message.WorkerError): void => {
    const meta = Json.encode(error, "error")
    if ("_tag" in meta) sendError(id, Failure.report("encode", error.started, Failure.refusalText(meta)))
    else sendFrame(Frame.make(Kind.Reply.error, id, meta))
  }

  const fail = (reason: Message.Fatal): void => {
    const meta = Json.encode(reason, "fatal")
    if (!("_tag" in meta)) sendFrame(Frame.make(Kind.Reply.fatal, 0, meta))
    wire.end({ exitCode: FATAL_STATUS, signal: null })
  }

  const fatal = (phase: "init" | "runtime", message: string): void => fail({ phase, message })

  const callbacks = Callbacks.make(sendFrame)

  const log = (call: number, record: Omit<Message.Log, "call">): void => {
    if (record.level >= logs) send(Kind.Reply.log, 0, { ...record, call })
  }

  const run = Interpreter.make({
    wire,
    take: options.take,
    isDead: () => stopped,
    callback: callbacks.call,
    log
  })

  // --- start

  const greet = (hello: Partial<Message.Hello>): void =>
    send(Kind.Reply.hello, 0, {
      proto: Kind.PROTOCOL_VERSION,
      runtime: "mock",
      python: [3, 13, 0],
      impl: "mock",
      exe: "mock",
      pid: options.pid,
      ppid: 1,
      platform: "mock",
      token: options.token,
      codecs: ["pickle", "json"],
      ...hello
    })

  const start = (step: Start.Step): Effect.Effect<void> => {
    switch (step._tag) {
      case "Ready":
        return Effect.sync(() => {
          exports = step.exports
          greet(step.hello)
        })
      case "Fatal":
        return Effect.sync(() => {
          failure = step.reason
          greet({})
        })
      case "Slow":
        return Effect.andThen(
          Effect.sleep(step.duration),
          Effect.suspend(() => start(step.next.step))
        )
      case "Exit":
        return Effect.sync(() => {
          if (step.stderr !== "") wire.print("stderr", step.stderr)
          wire.end({ exitCode: step.exitCode, signal: null })
        })
      case "TooOld":
        return Effect.sync(() => {
          wire.boot(
            `FWBOOT ${JSON.stringify({ error: "too-old", have: step.have, need: [3, 9], exe: "mock" })}`
          )
          wire.end({ exitCode: TOO_OLD_STATUS, signal: null })
        })
      case "InTurn":
        return Effect.suspend(() => {
          const next = options.take(step, step.starts)
          return next === undefined ? Effect.void : start(next.step)
        })
      case "Never":
      case "Refused":
        return Effect.void
    }
  }

  const initialize = (meta: unknown): void => {
    if (initialized) return fatal("runtime", "a second INIT")
    const init = Request.readInit(meta)
    if (init === undefined) return fatal("init", `INIT must be an object with proto ${Kind.PROTOCOL_VERSION}`)
    if (failure !== undefined) return fail(failure)
    maxFrame = init.maxFrame ?? maxFrame
    strict = init.strict
    logs = init.logs
    concurrent = init.concurrency > 1
    callbacks.open(init.callbacks)
    initialized = true
    const described =
      init.describe.length === 0 ? {} : { described: Targets.described(init.describe, exports) }
    const ready = Json.encode({ ms: 0, exports, ...described }, "ready")
    if ("_tag" in ready) fatal("init", Failure.refusalText(ready))
    else sendFrame(Frame.make(Kind.Reply.ready, 0, ready))
  }

  // --- calls

  const accept = (
    kind: number,
    id: number,
    codec: Codec.Codec,
    request: Request.Request | undefined
  ): void => {
    const used = id === 0 || running.has(id) || queue.some((job) => job.id === id)
    if (used) return fatal("runtime", `the id ${id} of a call is 0 or in use`)
    const credit = request?.credit
    const stream = credit === undefined ? undefined : Flow.make(credit, (item) => sendItem(job, item))
    const job: Job = {
      kind,
      id,
      codec,
      request,
      stream,
      results: request?.map === undefined ? undefined : [],
      arrived: now(),
      started: false,
      stubborn: false,
      frozen: false
    }
    queue.push(job)
    serve()
  }

  const cancel = (id: number, recall: boolean): void => {
    const job = running.get(id)
    if (job !== undefined) {
      if (!job.stubborn && !recall) job.fiber?.interruptUnsafe()
      return
    }
    const waiting = queue.findIndex((job) => job.id === id)
    if (waiting < 0) return
    queue.splice(waiting, 1)
    sendError(id, Failure.report("cancelled", false, "cancelled before it started"))
  }

  const serve = (): void => {
    if (stopped || (running.size > 0 && !concurrent)) return
    const job = queue.shift()
    if (job !== undefined) {
      running.set(job.id, job)
      job.fiber = fork(work(job))
      // It may have crashed before its fiber had a name.
      if (stopped) job.fiber.interruptUnsafe()
      else job.fiber.addObserver((exit) => finish(job, exit))
    } else if (leaving && running.size === 0) {
      send(Kind.Reply.bye)
      wire.end({ exitCode: 0, signal: null })
    }
  }

  const finish = (job: Job, exit: Exit.Exit<unknown, unknown>): void => {
    if (stopped) return
    running.delete(job.id)
    if (job.frozen) thaw()
    if (job.results !== undefined) sendMapped(job, job.results, exit)
    else if (exit._tag === "Failure") sendError(job.id, Failure.explain(job.started, exit.cause))
    else sendResult(job, job.codec.encode(exit.value, "result"))
    serve()
  }

  /** What came while it could not read. */
  let unread: Array<Uint8Array> = []
  const thaw = (): void => {
    const bytes = unread
    unread = []
    for (const chunk of bytes) receive(chunk)
  }

  /** Why a value cannot be sent; `undefined` if it can. */
  const unsendable = (name: string, value: Frame.Payload | Json.EncodeRefusal): string | undefined => {
    if ("_tag" in value) return Failure.refusalText(value)
    const length = Frame.bodyLength(value)
    return length > maxFrame ? `${name}: ${length} bytes, the limit of a frame is ${maxFrame}` : undefined
  }

  const sendResult = ({ codec, id, stream }: Job, result: Frame.Payload | Json.EncodeRefusal): void => {
    const refusal = unsendable("result", result)
    if (refusal !== undefined) return sendError(id, Failure.report("encode", true, refusal))
    const kind = stream === undefined ? Kind.Reply.result : Kind.Reply.end
    if (!("_tag" in result)) sendFrame({ kind, codec: codec.id, id, ...result })
  }

  /** All results of a map, the last of them with its end; or what its next item, or the first that cannot be sent, has failed with. */
  const sendMapped = (
    { codec, id, started }: Job,
    results: ReadonlyArray<unknown>,
    exit: Exit.Exit<unknown, unknown>
  ): void => {
    let error = exit._tag === "Failure" ? Failure.explain(started, exit.cause) : undefined
    const send = (kind: number, list: ReadonlyArray<unknown>): boolean => {
      const payload = codec.encode(list, "results")
      if ("_tag" in payload || unsendable("results", payload) !== undefined) return false
      sendFrame({ kind, codec: codec.id, id, ...payload })
      return true
    }
    /** As few as fit into frames; whether all could be sent. `last` ends the call. */
    const sendLists = (list: ReadonlyArray<unknown>, last: boolean): boolean => {
      if (send(last ? Kind.Reply.end : Kind.Reply.item, list)) return true
      const [only] = list
      if (list.length === 1) {
        const refusal = unsendable("result", codec.encode(only, "result")) ?? "result: too large"
        error = Failure.report("encode", true, refusal)
        return false
      }
      const half = list.length >> 1
      return sendLists(list.slice(0, half), false) && sendLists(list.slice(half), last)
    }
    const wanted = error?.code !== "cancelled" && (results.length > 0 || error === undefined)
    if (wanted) sendLists(results, error === undefined)
    if (error !== undefined) sendError(id, error)
  }

  const sendItem = ({ codec, id }: Job, value: unknown): Effect.Effect<void, unknown> => {
    const item = codec.encode(value, "item")
    const refusal = unsendable("item", item)
    if (refusal !== undefined) return Failure.refuse("encode", refusal)
    if (!("_tag" in item)) sendFrame({ kind: Kind.Reply.item, codec: codec.id, id, ...item })
    return Effect.void
  }

  /** The result of a call, or why there is none: a `Failure`, or whatever user code failed with. */
  const work = (job: Job): Effect.Effect<unknown, unknown> =>
    Effect.suspend(() => {
      const { kind, request } = job
      if (request === undefined)
        return Failure.refuse("decode", `${Kind.nameOf(kind)} is not what the protocol says it is`)
      const { deadline, session = "" } = request
      if (deadline !== undefined && now() - job.arrived >= deadline)
        return Failure.refuse("deadline", "its deadline passed before it started")
      const found = Targets.find(kind, request, { script: options.script, exports, strict, sessions })
      if (found._tag === "Missing") return Failure.refuse("target", found.message)
      job.started = true
      if (kind === Kind.Request.close) sessions.delete(session)
      if (found._tag === "Nothing") return withSnapshot(job, Effect.succeed(null))
      const call = (args: ReadonlyArray<unknown>) => run({ job, self: found.self, args }, found.handler)
      const { results } = job
      if (results !== undefined)
        return Effect.forEach(
          Request.callsOf(request),
          (args) =>
            Effect.map(
              Effect.suspend(() => call(args)),
              (result) => void results.push(result)
            ),
          { discard: true }
        )
      const [args = []] = Request.callsOf(request)
      const value = call(args)
      if (job.stream !== undefined) return withSnapshot(job, Flow.ended(job.stream, value))
      if (kind === Kind.Request.call) return withSnapshot(job, value)
      if (kind === Kind.Request.close) return Effect.as(value, null)
      const opened = Effect.flatMap(value, (made) => open(job, session, made))
      return withSnapshot(job, opened)
    })

  const open = (job: Job, session: string, made: unknown): Effect.Effect<null, unknown> =>
    Effect.gen(function* () {
      const { restores, takes = false } = job.request ?? {}
      const missing = Snapshots.NEEDED.find((name) => !Targets.isHandler(Targets.memberOf(made, name)))
      if ((takes || restores !== undefined) && missing !== undefined) {
        // Python sees it of the class, before an object is made.
        job.started = false
        const why = `it has no ${missing}(): its sessions cannot survive their worker`
        return yield* Failure.refuse("target", why)
      }
      if (restores !== undefined) {
        const state = yield* Snapshots.unpack(restores)
        yield* member(job, made, "restore", [state])
      }
      sessions.set(session, made)
      return null
    })

  /** Calls what an object has under a name. */
  const member = (
    job: Job,
    self: unknown,
    name: string,
    args: ReadonlyArray<unknown>
  ): Effect.Effect<unknown, unknown> => {
    const handler = Targets.memberOf(self, name)
    return Targets.isHandler(handler) ? run({ job, self, args }, handler) : Effect.succeed(null)
  }

  /** The value of a call with a snapshot of its session, or with why there is none, if that was asked for. */
  const withSnapshot = (job: Job, call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> => {
    const { request } = job
    if (request?.takes !== true) return call
    return Effect.gen(function* () {
      const value = yield* call
      const taken = Effect.suspend(() => member(job, sessions.get(request.session ?? ""), "snapshot", []))
      return yield* Effect.matchCauseEffect(Effect.flatMap(taken, Snapshots.pack), {
        onSuccess: (snapshot) => Effect.succeed(Snapshots.answer(job.codec, value, snapshot, undefined)),
        onFailure: (cause) =>
          Cause.hasInterrupts(cause)
            ? Effect.failCause(cause)
            : Effect.succeed(Snapshots.answer(job.codec, value, undefined, Failure.exceptionOf(cause)))
      })
    })
  }

  const oldest = (): Job | undefined => running.values().next().value

  // --- frames

  const onFrame = (frame: Frame.Frame): void => {
    if (stopped || !Kind.isRequest(frame.kind)) return
    const codec = Codec.byId(frame.codec)
    const read = frame.meta.length === 0 ? undefined : codec.decode(frame)
    const meta = read === undefined || "_tag" in read ? undefined : read.value
    const request = isCall(frame.kind) ? Request.read(frame.kind, meta) : undefined
    record(Kind.nameOf(frame.kind), frame.id, meta, request)
    if (!initialized && frame.kind !== Kind.Request.init)
      return fatal("init", `${Kind.nameOf(frame.kind)} before INIT`)
    switch (frame.kind) {
      case Kind.Request.init:
        return initialize(meta)
      case Kind.Request.cancel:
        return cancel(frame.id, frame.meta.length > 0)
      case Kind.Request.ping:
        return send(Kind.Reply.pong, frame.id, {
          busy: oldest()?.id ?? null,
          ms: now() - (oldest()?.arrived ?? now()),
          rss: null,
          threads: 2
        })
      case Kind.Request.callbackResult:
      case Kind.Request.callbackError:
        if (callbacks.answer(frame.id, frame.kind, meta)) return
        return fatal("runtime", `an answer to callback ${frame.id}, which was never made`)
      case Kind.Request.credit:
        if (typeof meta !== "number" || !Number.isInteger(meta) || meta < 1)
          return fatal("runtime", "CREDIT must be a whole number above 0")
        return running.get(frame.id)?.stream?.grant(meta)
      case Kind.Request.shutdown:
        leaving = true
        return serve()
      default:
        return accept(frame.kind, frame.id, codec, request)
    }
  }

  const decoder = Frame.decoder({
    get maxFrame() {
      return maxFrame
    },
    accepts: (kind) => Kind.isRequest(kind) || Kind.isIgnorable(kind),
    onFrame
  })

  queueMicrotask(() => {
    if (!stopped) fork(start(options.start))
  })

  const receive = (bytes: Uint8Array): void => {
    if ([...running.values()].some(({ frozen }) => frozen)) return void unread.push(bytes.slice())
    const broken = decoder.push(bytes)
    if (broken !== undefined) fatal("runtime", `${broken.rule}: ${broken.detail}`)
  }

  return {
    receive,
    signal: (name) => record(name, 0, undefined, undefined),
    stop: () => {
      stopped = true
      queue = []
      for (const { fiber } of running.values()) fiber?.interruptUnsafe()
    },
    maxFrame: () => maxFrame
  }
}

const isCall = (kind: number): boolean =>
  kind === Kind.Request.call || kind === Kind.Request.open || kind === Kind.Request.close
