import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import type { Socket } from "node:net"
import { readFileSync } from "node:fs"
import { Readable } from "node:stream"
import type { Streams } from "../../src/transport/Channel.ts"
import * as Rendezvous from "../../src/transport/Rendezvous.ts"
import { until } from "../support.ts"

const ROLES = 5

/** Connects and greets. */
const arrive = (path: string, ...bytes: ReadonlyArray<Uint8Array>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly socket: Socket; readonly received: ReadonlyArray<number> }>((resume) => {
      const socket = connect(path, () => {
        for (const part of bytes) socket.write(part)
        resume(Effect.succeed({ socket, received }))
      })
      const received: Array<number> = []
      socket.on("error", () => socket.destroy())
      socket.on("data", (chunk) => received.push(...chunk))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const greeting = (token: string, role: number): Uint8Array =>
  Uint8Array.from([...Buffer.from(token, "hex"), role])

const isTurnedAway = ({ socket }: { readonly socket: Socket }) => until("its end", () => socket.closed)

/** Whether the kernel knows a socket of that name. */
const exists = (path: string): boolean =>
  readFileSync("/proc/net/unix", "utf8").includes(path.replace("\0", "@"))

const expecting = Effect.gen(function* () {
  const meetAt = yield* Rendezvous.make
  const token = Rendezvous.makeToken()
  const arrivals: Array<Streams> = []
  meetAt.expect(token, (streams) => arrivals.push(streams))
  return { meetAt, token, arrivals }
})

describe("Rendezvous", () => {
  it.live(
    "hands over the streams of a process once all are there, in whatever order, and tells it on the lifeline alone",
    () =>
      Effect.gen(function* () {
        const { arrivals, meetAt, token } = yield* expecting
        const sockets = yield* Effect.forEach([3, 1, 0, 4], (role) =>
          arrive(meetAt.path, greeting(token, role))
        )
        // In pieces, as a stream may bring it.
        const whole = greeting(token, 2)
        const lifeline = yield* arrive(meetAt.path, whole.subarray(0, 5), whole.subarray(5))
        yield* until("the arrival", () => arrivals.length === 1)
        yield* until("the answer", () => lifeline.received.length > 0)
        assert.deepStrictEqual(lifeline.received, [1])
        assert.isTrue(sockets.every(({ received }) => received.length === 0))
        // Each is what it said it was.
        const [streams] = arrivals
        const said: Array<string> = []
        const stdout = streams?.stdout
        if (!(stdout instanceof Readable)) return assert.fail("no standard output")
        stdout.on("data", (chunk) => said.push(`stdout ${String(chunk)}`)).resume()
        sockets[0]?.socket.write("hello")
        yield* until("what it says", () => said.length > 0)
        assert.deepStrictEqual(said, ["stdout hello"])
        for (const stream of Object.values(streams ?? {})) stream.destroy()
      })
  )

  it.live(
    "turns away a stranger, a stream that has come already or does not exist, and whoever talks before it is asked",
    () =>
      Effect.gen(function* () {
        const { arrivals, meetAt, token } = yield* expecting
        yield* isTurnedAway(yield* arrive(meetAt.path, greeting(Rendezvous.makeToken(), 0)))
        yield* isTurnedAway(yield* arrive(meetAt.path, greeting(token, ROLES)))
        yield* isTurnedAway(yield* arrive(meetAt.path, greeting(token, 0), Uint8Array.of(1)))
        const first = yield* arrive(meetAt.path, greeting(token, 0))
        yield* isTurnedAway(yield* arrive(meetAt.path, greeting(token, 0)))
        assert.isFalse(first.socket.closed)
        assert.strictEqual(arrivals.length, 0)
      })
  )

  it.live("a token serves once, and not at all when it was forgotten", () =>
    Effect.gen(function* () {
      const { arrivals, meetAt, token } = yield* expecting
      for (let role = 0; role < ROLES; role++) yield* arrive(meetAt.path, greeting(token, role))
      yield* until("the arrival", () => arrivals.length === 1)
      yield* isTurnedAway(yield* arrive(meetAt.path, greeting(token, 0)))
      const other = Rendezvous.makeToken()
      meetAt.expect(other, (streams) => arrivals.push(streams))
      const early = yield* arrive(meetAt.path, greeting(other, 0))
      yield* Effect.sleep("50 millis")
      meetAt.forget(other)
      yield* isTurnedAway(early)
      yield* isTurnedAway(yield* arrive(meetAt.path, greeting(other, 1)))
      assert.strictEqual(arrivals.length, 1)
      for (const stream of Object.values(arrivals[0] ?? {})) stream.destroy()
    })
  )

  it.live("those who say nothing cannot keep out those who are expected", () =>
    Effect.gen(function* () {
      const { arrivals, meetAt, token } = yield* expecting
      const silent = yield* Effect.forEach(Array.from({ length: 1_100 }), () => arrive(meetAt.path))
      for (let role = 0; role < ROLES; role++) yield* arrive(meetAt.path, greeting(token, role))
      yield* until("the arrival", () => arrivals.length === 1)
      assert.isAtLeast(silent.filter(({ socket }) => socket.closed).length, 70)
      for (const stream of Object.values(arrivals[0] ?? {})) stream.destroy()
    })
  )

  it.live("closes with its scope, and leaves no name behind", () =>
    Effect.gen(function* () {
      const { path, socket } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { meetAt, token } = yield* expecting
          const socket = connect(meetAt.path)
          socket.on("error", () => socket.destroy())
          socket.resume()
          socket.write(greeting(token, 0))
          yield* until("the connection", () => socket.readyState === "open")
          assert.isTrue(exists(meetAt.path))
          return { path: meetAt.path, socket }
        })
      )
      yield* until("its end", () => socket.closed && !exists(path))
    })
  )
})
