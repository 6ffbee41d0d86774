/**
 * The transport to a worker that is forked from a zygote: the same streams as a spawned one, ready in a fraction of the time, since what it
 * needs is imported already. Linux; where it cannot be had, workers are spawned, and it is told why.
 */
import process from "node:process"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { StartError } from "../CallError.ts"
import * as ForkedWorker from "./ForkedWorker.ts"
import * as Handshake from "./Handshake.ts"
import * as Process from "./Process.ts"
import * as Rendezvous from "./Rendezvous.ts"
import type { Connect } from "./Transport.ts"
import * as ZygoteProcess from "./ZygoteProcess.ts"

/** What a zygote, and its workers, are started with. */
export interface ZygoteOptions extends ZygoteProcess.ZygoteProcessOptions {
  /** Workers will not be forked, for this reason, but spawned. Told once at most. */
  readonly onRefused: (reason: string) => void
}

/** Why no worker can be forked here, whatever it imports; or `undefined`. `env` is that of the workers. */
export const refusal = (env: { readonly [name: string]: string | undefined }): string | undefined => {
  if (process.platform !== "linux")
    return `a process is forked on Linux only, and this is ${process.platform}`
  return env["FIREWEED_PORTABLE"] === "1" ? "FIREWEED_PORTABLE=1 asks for what works everywhere" : undefined
}

/** A way to start workers. */
export interface Zygote {
  readonly connect: Connect
  /** The next worker is forked from a new zygote, which imports everything anew; the present one leaves when its workers have. */
  readonly renew: () => void
}

/**
 * Makes a way to start workers by forking them from one zygote, which is started for the first of them, and again for the next when it has
 * died. Its death leaves its workers alone: only how they end is not known then.
 *
 * The scope's end ends the zygote and everything below it.
 */
export const make = (options: ZygoteOptions): Effect.Effect<Zygote, never, Scope.Scope> =>
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
        Effect.catchCause((cause) => Deferred.failCause(started, cause)),
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

    const connect: Connect = (identity, events) =>
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
            ForkedWorker.launch({
              identity,
              zygote,
              interpreter: options.interpreter,
              maxFrame: options.maxFrame,
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

    const renew = (): void => {
      const old = current
      current = undefined
      if (old !== undefined) run(Effect.ignore(Effect.map(Deferred.await(old), (zygote) => zygote.retire())))
    }

    return { connect, renew }
  })
