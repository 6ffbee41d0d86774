import { assert, describe, it } from "@effect/vitest"
import { Fixture } from "@fireweed/test-kit"
import { withFixture } from "@fireweed/test-kit/vitest"
import { Contract, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"

/** A folder with the module `contract`. */
const folder = Effect.map(Effect.orDie(Fixture.temporaryFolder()), ({ value }) => {
  writeFileSync(join(value, "contract.py"), Contract.python)
  return value
})

const options = {
  size: 2,
  output: "ignore",
  callbacks: Contract.callbacks,
  crashLoop: { deaths: 100 }
} as const

const workers = {
  mock: (rest: WorkerPool.Options) =>
    WorkerPool.make({
      ...options,
      ...rest,
      connect: MockWorker.connect(Contract.script, { start: Contract.start })
    }),
  "real Python": (rest: WorkerPool.Options) =>
    Effect.flatMap(folder, (path) =>
      WorkerPool.make({ ...options, ...rest, pythonPath: [path], preload: ["contract"] })
    )
}

/** Where calls share an event loop, a function that is not `async def` cannot call back. */
const sideBySide = Contract.behaviours.filter(({ name }) => !name.startsWith("a callback"))

for (const [kind, make] of Object.entries(workers)) {
  describe(`one contract: ${kind}`, () => {
    for (const [title, rest, behaviours] of [
      ["by pickle", {}, [...Contract.behaviours, ...Contract.pickled]],
      ["by JSON", { codec: "json" }, Contract.behaviours],
      ["side by side", { concurrency: 4 }, sideBySide],
      ["strict", { strict: true }, Contract.strict]
    ] as const) {
      describe(`held ${title}`, () => {
        const pool = withFixture(make(rest), { per: "file" })
        for (const behaviour of behaviours) {
          it.live(`D71 ${behaviour.name}`, () =>
            Effect.map(Contract.verify(pool(), [behaviour]), (names) =>
              assert.deepStrictEqual(names, [behaviour.name])
            )
          )
        }
      })
    }
  })
}

it.live("what is not kept is told: which behaviour, what was expected, and what was found", () =>
  Effect.gen(function* () {
    const pool = yield* WorkerPool.make({
      ...options,
      connect: MockWorker.connect({ ...Contract.script, echo: () => "parrot" }, { start: Contract.start })
    })
    const error = yield* Effect.flip(Contract.verify(pool, Contract.behaviours))
    assert.isTrue(error.broken.every(({ found }) => JSON.stringify(found).includes("parrot")))
    assert.include(error.message, 'values: None\n  expected {"value":[null]}\n  found    {"value":"parrot"}')
  })
)
