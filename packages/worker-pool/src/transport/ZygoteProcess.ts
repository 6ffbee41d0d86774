/**
 * One zygote: a Python that has imported what its workers need, and is copied for each of them. It is a process like a worker, but its
 * frames are about others.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StartError } from "../CallError.ts"
import * as Lines from "../internal/Lines.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Kind from "../protocol/Kind.ts"
import * as ZygoteMessage from "../protocol/ZygoteMessage.ts"
import type { Exit } from "./Channel.ts"
import * as Handshake from "./Handshake.ts"
import * as Process from "./Process.ts"
import { makeToken } from "./Rendezvous.ts"
import type { End, Output, Transport } from "./Transport.ts"

/** What a zygote is started with. */
export interface ZygoteProcessOptions extends Process.ProcessOptions {
  /** Folders that modules are imported from first. */
  readonly path: ReadonlyArray<string>
  /** Modules to import before any worker is forked. */
  readonly preload: ReadonlyArray<string>
  /** Limit of its start, the preload included, in milliseconds. */
  readonly startTimeout: number
  /** A line that the preload printed. */
  readonly onOutput: (output: Output, line: string) => void
}

/** Who waits for a worker. What the zygote says of it comes in this order, until one of the ends. */
export interface Child {
  /** It was forked; the process id is left out where it would mean somebody else. */
  readonly onForked: (pid: number | undefined) => void
  /** An end: this zygote will never fork, for that reason. */
  readonly onRefused: (reason: string) => void
  /** An end: it could not fork this time. */
  readonly onFailed: (detail: string) => void
  /** An end. */
  readonly onExited: (exit: Exit) => void
  /** An end: the zygote is gone. The worker may live. */
  readonly onOrphaned: (detail: string) => void
}

/** A running zygote. */
export interface ZygoteProcess {
  /** Asks for a worker, which connects to the socket `path`. */
  readonly fork: (
    worker: {
      readonly token: string
      readonly path: string
      readonly env: { readonly [name: string]: string }
    },
    child: Child
  ) => void
  /** Sends a signal to a worker, or to its group; to nobody if it is gone. */
  readonly signal: (token: string, number: number, group: boolean) => void
  readonly isAlive: () => boolean
  /** Forks no more, and leaves when no worker is left. */
  readonly retire: () => void
  /** Ends it at once. Its workers live on. */
  readonly kill: () => void
  /** The last lines of its standard error. */
  readonly stderr: () => string
  /** Waits until it is gone. */
  readonly ended: Effect.Effect<End>
}

/** How long it may take to end all that is left below it when the scope closes, in milliseconds. */
const LEAVE_GRACE = 2_000

/**
 * Starts a zygote and waits until it has imported everything. The scope's end tells it to end all that it forked, and what that started,
 * and to leave; it is killed when it does not.
 */
export const start = (options: ZygoteProcessOptions): Effect.Effect<ZygoteProcess, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const expected: Handshake.Expectation = {
      interpreter: options.interpreter,
      token: makeToken(),
      codec: "json"
    }
    const ready = yield* Deferred.make<void, StartError>()
    const gone = yield* Deferred.make<End>()
    const children = new Map<string, Child>()
    const stderr = Lines.tail(4_096)
    let transport: Transport | undefined
    let greeted = false
    let isReady = false
    let refusal: StartError | undefined
    let end: End | undefined
    let retired = false
    /** Whether the numbers it gives mean the same processes here. */
    let sameNumbers = false

    const send = (frame: Frame.Outgoing): void => transport?.send(frame)

    // The error waits for the end, so that it carries the last lines of standard error.
    const refuse = (error: StartError): void => {
      refusal ??= error
      transport?.kill()
    }

    const shake = (frame: Frame.Frame): void => {
      const step = Handshake.step(frame, greeted, expected)
      switch (step._tag) {
        case "Failed":
          return refuse(step.error)
        case "Hello":
          greeted = true
          sameNumbers = step.hello.pid === transport?.pid()
          return send(ZygoteMessage.init(options))
        case "Ready":
          isReady = true
          Deferred.doneUnsafe(ready, Effect.void)
      }
    }

    const take = (token: string): Child | undefined => {
      const child = children.get(token)
      children.delete(token)
      if (retired && children.size === 0) send(Frame.make(Kind.Request.shutdown))
      return child
    }

    const onForked = ({ failed, pid, refused, token }: ZygoteMessage.Forked): void => {
      if (refused !== undefined) take(token)?.onRefused(refused)
      else if (pid === undefined) take(token)?.onFailed(failed ?? "was not forked")
      else children.get(token)?.onForked(sameNumbers ? pid : undefined)
    }

    const onFrame = (frame: Frame.Frame): void => {
      if (!isReady) return shake(frame)
      if (frame.kind === Kind.Reply.forked) Option.map(ZygoteMessage.readForked(frame), onForked)
      if (frame.kind === Kind.Reply.exited)
        Option.map(ZygoteMessage.readExited(frame), ({ code, signal, token }) =>
          take(token)?.onExited({ code, signal })
        )
    }

    const onEnd = (how: End): void => {
      end = how
      Deferred.doneUnsafe(
        ready,
        Effect.suspend(() => Effect.fail(Handshake.ended(how, expected, refusal)))
      )
      for (const child of children.values()) child.onOrphaned(how.detail)
      children.clear()
      Deferred.doneUnsafe(gone, Effect.succeed(how))
    }

    transport = yield* Process.connect({ ...options, args: ["zygote"] })(
      { id: "zygote", token: expected.token },
      {
        onFrame,
        onOutput: (output, line) => {
          if (output === "stderr") stderr.push(line)
          options.onOutput(output, line)
        },
        onClosing: () => {},
        onEnd
      }
    )
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        if (end !== undefined || !isReady) return Effect.void
        send(Frame.make(Kind.Request.shutdown))
        return Effect.asVoid(Effect.timeoutOption(Deferred.await(gone), LEAVE_GRACE))
      })
    )
    const inTime = yield* Effect.timeoutOption(Deferred.await(ready), options.startTimeout)
    if (Option.isNone(inTime)) {
      refuse(Handshake.late(options.startTimeout, greeted, expected))
      yield* Deferred.await(ready)
    }

    return {
      fork: (worker, child) => {
        if (end !== undefined) return child.onOrphaned(end.detail)
        children.set(worker.token, child)
        send(ZygoteMessage.fork(worker))
      },
      signal: (token, number, group) => {
        if (children.has(token)) send(ZygoteMessage.kill({ token, signal: number, group }))
      },
      isAlive: () => end === undefined,
      retire: () => {
        retired = true
        if (children.size === 0) send(Frame.make(Kind.Request.shutdown))
      },
      kill: () => transport?.kill(),
      stderr: stderr.text,
      ended: Deferred.await(gone)
    }
  })
