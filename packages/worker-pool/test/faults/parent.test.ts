import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Parent from "./parent.ts"

noLeaks()

describe.concurrent("when a program is killed, its worker ends with it", () => {
  for (const state of Parent.STATES) {
    it.live(
      state,
      () =>
        Effect.map(Parent.kill(state, Parent.here), (time) => {
          // The figure is measured elsewhere; a machine that does much else is slow.
          assert.isBelow(time, 5_000)
        }),
      90_000
    )
  }
})
