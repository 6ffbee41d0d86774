/**
 * The transport to a worker that is forked from a zygote: the same streams as a spawned one, ready in a fraction of the time, since what it
 * needs is imported already. Linux; where it cannot be had, workers are spawned, and it is told why.
 */
import { constants } from "node:os"
import process from "node:process"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { StartError } from "../CallError.ts"
import * as Message from "../protocol/Message.ts"
import * as Channel from "./Channel.ts"
import * as Diagnosis from "./Diagnosis.ts"
import * as Handshake from "./Handshake.ts"
import * as Inspection from "./Inspection.ts"
import * as Process from "./Process.ts"
import * as Rendezvous from "./Rendezvous.ts"
import type { Connect, Events, Identity, Transport } from "./Transport.ts"
import * as ZygoteProcess from "./ZygoteProcess.ts"

/** What a zygote, and its workers, are started with. */
export interface ZygoteOptions extends ZygoteProcess.ZygoteProcessOptions {
  /** Workers will not be forked, for this reason, but spawned. Told once at most. */
  readonly onRefused: (reason: string) => void
}

/** How long a zygote may take to tell of the end of a worker that was killed, in milliseconds. */
const ANSWER_GRACE = 3_000
/** How long a worker may live on after it closed its pipes, in milliseconds: its end is told by another process, which may be busy. */
const EOF_GRACE = 500
/** Status of a forked worker that could not connect. */
const NOT_CONNECTED = 71

/** Why no worker can be forked here, whatever it imports; or `undefined`. `env` is that of the workers. */
export const refusal = (env: { readonly [name: string]: string | undefined }): string | undefined => {
  if (process.platform !== "linux")
    return `a process is forked on Linux only, and this is ${process.platform}`
  return env["FIREWEED_PORTABLE"] === "1" ? "FIREWEED_PORTABLE=1 asks for what works everywhere" : undefined
}

/**
 * Makes a way to start workers by forking them from one zygote, which is started for the first of them, and again for the next when it has
 * died. Its death leaves its workers alone: only how they end is not known then.
 *
 * The scope's end ends the zygote and everything below it.
 */
export const make = (options: ZygoteOptions): Effect.Effect<Connect, never, Scope.Scope> =>
  Effect.gen(function* () {
    const spawned = Process.connect(options)
    const rendezvous = yield* Effect.result(Rendezvous.make)
    const run = yield* FiberSet.makeRuntime<never, void>()
    let refused: string | undefined
    let current: Deferred.Deferred<ZygoteProcess.ZygoteProcess, StartError> | undefined

    const refuse = (reason: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (refused !== undefined) return Effect.void
        refused = reason
        options.onRefused(reason)
        return Effect.logWarning(`workers are spawned, not forked: ${reason}`)
      })

    // One life of the zygote, for all that wait for it: none of them ends it by leaving.
    const live = (started: Deferred.Deferred<ZygoteProcess.ZygoteProcess, StartError>): Effect.Effect<void> =>
      ZygoteProcess.start(options).pipe(
        Effect.tap((zygote) => Deferred.succeed(started, zygote)),
        Effect.flatMap((zygote) => zygote.ended),
        Effect.catch((error) => Deferred.fail(started, error)),
        Effect.ensuring(
          Effect.sync(() => {
            if (current === started) current = undefined
          })
        ),
        Effect.scoped,
        Effect.asVoid
      )

    const running: Effect.Effect<ZygoteProcess.ZygoteProcess, StartError> = Effect.suspend(() => {
      const started = current ?? Deferred.makeUnsafe<ZygoteProcess.ZygoteProcess, StartError>()
      if (current === undefined) {
        current = started
        run(live(started))
      }
      return Effect.flatMap(Deferred.await(started), (zygote) => {
        if (zygote.isAlive()) return Effect.succeed(zygote)
        // It died just now, and its life has not been told to end yet.
        if (current === started) current = undefined
        return running
      })
    })

    return (identity, events) =>
      Effect.gen(function* () {
        const impossible =
          refusal({ ...process.env, ...options.env }) ??
          (Result.isFailure(rendezvous)
            ? `this runtime opens no such socket: ${rendezvous.failure}`
            : undefined)
        if (impossible !== undefined) yield* refuse(impossible)
        if (refused !== undefined || Result.isFailure(rendezvous)) return yield* spawned(identity, events)

        const zygote = yield* running
        const later = yield* FiberSet.makeRuntime<never, void>()
        const gone = yield* Deferred.make<void>()
        const worker = yield* Effect.acquireRelease(
          Effect.sync(() =>
            launch({
              identity,
              zygote,
              options,
              meetAt: rendezvous.success,
              events: {
                ...events,
                onEnd: (end) => {
                  // In this order: what waits for the end goes on at once.
                  events.onEnd(end)
                  Deferred.doneUnsafe(gone, Effect.void)
                }
              },
              onNeverBorn: () => Deferred.doneUnsafe(gone, Effect.void),
              later: (milliseconds, act) => void later(Effect.delay(Effect.sync(act), milliseconds))
            })
          ),
          (worker) =>
            Effect.andThen(Effect.sync(worker.kill), Effect.timeoutOption(Deferred.await(gone), "5 seconds"))
        )
        const born = yield* Effect.timeoutOption(worker.born, options.startTimeout)
        if (Option.isNone(born)) {
          const expected = { interpreter: options.interpreter, token: identity.token, codec: "json" } as const
          return yield* Handshake.late(options.startTimeout, false, expected)
        }
        if (typeof born.value !== "string") return born.value
        zygote.retire()
        yield* refuse(born.value)
        return yield* spawned(identity, events)
      })
  })

const ignore = (): void => {}

interface Launch {
  readonly identity: Identity
  readonly zygote: ZygoteProcess.ZygoteProcess
  readonly options: ZygoteOptions
  readonly meetAt: Rendezvous.Rendezvous
  readonly events: Events
  /** It ended before it was a worker; there will be no event. */
  readonly onNeverBorn: () => void
  readonly later: (milliseconds: number, run: () => void) => void
}

interface Launched {
  /** Waits until all its streams are here; or gives the reason why none will ever be forked. */
  readonly born: Effect.Effect<Transport | string, StartError>
  readonly kill: () => void
}

const launch = ({ events, identity, later, meetAt, onNeverBorn, options, zygote }: Launch): Launched => {
  const token = Rendezvous.makeToken()
  let pid: number | undefined
  let stacks: number | undefined
  let channel: Channel.Channel | undefined
  /** What became of it before it was a worker. */
  let answer: Effect.Effect<Transport | string, StartError> | undefined
  let resume = ignore
  /** Why the zygote will not tell of its end. */
  let orphaned: string | undefined
  let over = false
  let closing = false

  const settle = (how: Effect.Effect<Transport | string, StartError>): void => {
    answer ??= how
    resume()
  }

  const miscarry = (detail: string): void => {
    over = true
    meetAt.forget(token)
    onNeverBorn()
    settle(
      Effect.fail(
        new StartError({
          reason: "exited",
          interpreter: options.interpreter,
          detail: `${detail} before it was ready`,
          stderr: zygote.stderr()
        })
      )
    )
  }

  const refuse = (reason: string): void => {
    over = true
    meetAt.forget(token)
    onNeverBorn()
    settle(Effect.succeed(reason))
  }

  // Its number is not used for a signal, as nobody knows any more whose it is; the end of its streams ends it, and the lifeline at once.
  const endOrphan = (killed: boolean): void =>
    channel?.exited(
      killed ? { code: null, signal: "SIGKILL" } : { code: null, signal: null, unknown: orphaned }
    )

  // One that does not answer is stopped, or stuck; those that it has forked can do without it.
  const endByZygote = (): void => {
    zygote.signal(token, constants.signals.SIGKILL, true)
    later(ANSWER_GRACE, () => {
      if (!over) zygote.kill()
    })
  }

  const born = (streams: Channel.Streams): void => {
    const made = Channel.make({
      streams,
      maxFrame: options.maxFrame,
      eofGrace: EOF_GRACE,
      onHello: (frame) => {
        stacks = Option.getOrUndefined(Message.readHello(frame))?.stacks ?? undefined
      },
      events: {
        ...events,
        onClosing: () => {
          closing = true
          events.onClosing()
          if (orphaned !== undefined) endOrphan(false)
        }
      },
      kill: () => {
        if (orphaned === undefined) endByZygote()
        else endOrphan(true)
      },
      later
    })
    channel = made
    settle(
      Effect.succeed({
        pid: () => pid,
        send: made.send,
        pending: made.pending,
        diagnose: () =>
          made.exit() === undefined && pid !== undefined
            ? Inspection.begin(pid, stacks)
            : () => Diagnosis.UNSEEN,
        interrupt: () => zygote.signal(token, constants.signals.SIGUSR1, false),
        kill: made.kill
      })
    )
  }

  meetAt.expect(token, born)
  zygote.fork(
    {
      token,
      path: meetAt.path,
      env: { FIREWEED_TOKEN: identity.token, FIREWEED_WORKER: identity.id }
    },
    {
      onForked: (number) => {
        pid = number
      },
      onRefused: refuse,
      onFailed: miscarry,
      onExited: (exit) => {
        over = true
        if (channel !== undefined) channel.exited(exit)
        else if (exit.code === NOT_CONNECTED) refuse("a forked worker could not connect back to this process")
        else
          miscarry(exit.signal === null ? `exited with status ${exit.code}` : `was killed by ${exit.signal}`)
      },
      onOrphaned: (detail) => {
        over = true
        orphaned = `is gone; how it ended is not known, as its zygote had ended before (${detail})`
        if (closing) endOrphan(false)
        if (channel === undefined) miscarry(`was not forked: its zygote ${detail}`)
      }
    }
  )

  return {
    born: Effect.callback<Transport | string, StartError>((done) => {
      resume = () => {
        if (answer !== undefined) done(answer)
      }
      resume()
    }),
    kill: () => {
      if (channel !== undefined) return channel.kill()
      meetAt.forget(token)
      if (!over) endByZygote()
    }
  }
}
