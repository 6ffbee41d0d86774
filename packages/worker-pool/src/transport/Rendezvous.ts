/**
 * Where forked workers connect: a Unix socket with a name of the kernel's (Linux), so that no file is left however this process ends. Any
 * process of the machine can find it, so nothing is believed but a token, which nobody else can know.
 */
import { createServer } from "node:net"
import type { Server, Socket } from "node:net"
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Streams } from "./Channel.ts"

/** A place to meet. */
export interface Rendezvous {
  /** Name of the socket. */
  readonly path: string
  /**
   * Waits for the streams of a process that is told `token`. When all have come they are handed over, once, and the process is told so by
   * one byte on its lifeline.
   */
  readonly expect: (token: string, arrived: (streams: Streams) => void) => void
  /** Waits no more; those that come are turned away. */
  readonly forget: (token: string) => void
}

/** A fresh token: 128 bits, in hexadecimal. */
export const makeToken = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex")

/**
 * A name of the kernel's. Node 20 fills a shorter one with zeros up to the length of the field, and so takes another name than it was told; Bun refuses one
 * of that length.
 */
const makeName = (): string => `\0fireweed-${makeToken()}`.padEnd("Bun" in globalThis ? 0 : SUN_PATH, "-")
/** The length of the field, in bytes. */
const SUN_PATH = 108

/** How long a connection may take to say who it is, in milliseconds. */
const PATIENCE = 10_000
/** How many may be about to; one more turns away the first of them. */
const STRANGERS = 1_024
/** The token's bytes, then the number of the stream. */
const GREETING = 17
/** The streams of a process, by their number. */
const ROLES = ["toPython", "fromPython", "lifeline", "stdout", "stderr"] as const

/** Opens a place to meet; fails with the reason where there is no such socket. The scope's end closes it. */
export const make: Effect.Effect<Rendezvous, string, Scope.Scope> = Effect.gen(function* () {
  const path = makeName()
  const strangers = new Set<Socket>()
  const expected = new Map<
    string,
    { readonly arrived: (streams: Streams) => void; readonly sockets: Map<number, Socket> }
  >()

  const forget = (token: string): void => {
    for (const socket of expected.get(token)?.sockets.values() ?? []) socket.destroy()
    expected.delete(token)
  }

  const admit = (greeting: Buffer, socket: Socket): void => {
    const token = greeting.toString("hex", 0, GREETING - 1)
    const role = greeting[GREETING - 1]
    const process = expected.get(token)
    // It says nothing more until it is answered.
    if (greeting.length !== GREETING || role === undefined || process === undefined)
      return void socket.destroy()
    if (role >= ROLES.length || process.sockets.has(role)) return void socket.destroy()
    socket.setTimeout(0)
    process.sockets.set(role, socket)
    const [toPython, fromPython, lifeline, stdout, stderr] = ROLES.map((_, index) =>
      process.sockets.get(index)
    )
    if (process.sockets.size < ROLES.length) return
    expected.delete(token)
    lifeline?.write(Uint8Array.of(1))
    process.arrived({ toPython, fromPython, lifeline, stdout, stderr })
  }

  const receive = (socket: Socket): void => {
    let greeting: Buffer = Buffer.alloc(0)
    const leave = (): void => {
      strangers.delete(socket)
    }
    strangers.add(socket)
    const [first] = strangers
    if (strangers.size > STRANGERS && first !== undefined) {
      strangers.delete(first)
      first.destroy()
    }
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.on("error", () => socket.destroy())
    socket.on("close", leave)
    const onData = (chunk: Buffer): void => {
      greeting = Buffer.concat([greeting, chunk])
      if (greeting.length < GREETING) return
      socket.off("data", onData)
      socket.pause()
      leave()
      admit(greeting, socket)
    }
    socket.on("data", onData)
  }

  yield* Effect.acquireRelease(listen(path, receive), (server) =>
    Effect.sync(() => {
      for (const token of expected.keys()) forget(token)
      for (const socket of strangers) socket.destroy()
      server.close()
    })
  )
  return {
    path,
    expect: (token, arrived) => {
      expected.set(token, { arrived, sockets: new Map() })
    },
    forget
  }
})

const listen = (path: string, receive: (socket: Socket) => void): Effect.Effect<Server, string> =>
  Effect.callback((resume) => {
    const server = createServer(receive)
    server.on("error", (error) => resume(Effect.fail(error.message)))
    try {
      server.listen(path, () => resume(Effect.succeed(server)))
    } catch (error) {
      // Deno throws what is not allowed.
      resume(Effect.fail(error instanceof Error ? error.message : String(error)))
    }
  })
