import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Parent from "./parent.ts"

noLeaks()

describe.concurrent("when a program is killed, its worker ends with it", () => {
  const held: ReadonlyArray<Parent.Held> = [
    ...Parent.STATES.map((state) => ({ start: "spawn" as const, state })),
    ...Parent.FORKED_STATES.map((state) => ({ start: "zygote" as const, state }))
  ]
  for (const one of held) {
    it.live(
      `${one.start}: ${one.state}`,
      () =>
        Effect.map(Parent.kill(one, Parent.here), (time) => {
          // The figure is measured elsewhere; a machine that does much else is slow.
          assert.isBelow(time, 5_000)
        }),
      90_000
    )
  }
})
