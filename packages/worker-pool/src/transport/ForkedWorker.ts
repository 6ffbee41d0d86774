/**
 * The transport to one worker that a zygote forks: its streams come by themselves, its end is told by the zygote, and by nobody when that is
 * gone.
 */
import { constants } from "node:os"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { StartError } from "../CallError.ts"
import * as Message from "../protocol/Message.ts"
import * as Channel from "./Channel.ts"
import * as Diagnosis from "./Diagnosis.ts"
import * as Inspection from "./Inspection.ts"
import * as Rendezvous from "./Rendezvous.ts"
import type { Events, Identity, Transport } from "./Transport.ts"
import type { ZygoteProcess } from "./ZygoteProcess.ts"

/** What a forked worker is made of. */
export interface LaunchOptions {
  readonly identity: Identity
  readonly zygote: ZygoteProcess
  /** Path of the interpreter, for messages. */
  readonly interpreter: string
  /** Largest frame, in bytes. */
  readonly maxFrame: number
  readonly meetAt: Rendezvous.Rendezvous
  readonly events: Events
  /** It ended before it was a worker; there will be no event. */
  readonly onNeverBorn: () => void
  /** Runs something once, so many milliseconds from now. */
  readonly later: (milliseconds: number, run: () => void) => void
}

/** A worker that was asked for. */
export interface Launched {
  /** Waits until all its streams are here; or gives the reason why none will ever be forked. */
  readonly born: Effect.Effect<Transport | string, StartError>
  /** Ends it, in whatever state. */
  readonly kill: () => void
}

/** How long a zygote may take to tell of the end of a worker that was killed, in milliseconds. */
const ANSWER_GRACE = 3_000
/** Status of a forked worker that could not connect. */
const NOT_CONNECTED = 71

/** Asks the zygote for a worker. */
export const launch = ({
  events,
  identity,
  interpreter,
  later,
  maxFrame,
  meetAt,
  onNeverBorn,
  zygote
}: LaunchOptions): Launched => {
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
          interpreter,
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
      maxFrame,
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
      env: { ...identity.env, FIREWEED_TOKEN: identity.token, FIREWEED_WORKER: identity.id }
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

const ignore = (): void => {}
