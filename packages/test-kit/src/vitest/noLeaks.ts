/** {@link Leaks} as hooks of vitest. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"
import * as Leaks from "../Leaks.ts"

/** Time for the last look, and for the hook itself, in milliseconds. */
const MARGIN = 5_000

/**
 * Fails when processes are left by the file, or by the `describe` it is called in; with `{ per: "test" }` by each test, which costs some
 * milliseconds a test, and cannot be told apart when tests run concurrently.
 *
 * Call it first: hooks registered later run before it, and what they end is no leak.
 *
 * ```text
 * import { noLeaks } from "@fireweed/test-kit/vitest"
 *
 * noLeaks()
 * ```
 *
 * @category hooks
 */
export const noLeaks = (
  options: Leaks.Options & { readonly per?: "file" | "test" | undefined } = {}
): void => {
  const { per = "file", ...rest } = options
  let before: Leaks.Snapshot = { processes: [] }
  const remember = async (): Promise<void> => {
    before = await Effect.runPromise(Leaks.snapshot)
  }
  const verify = (): Promise<void> => Effect.runPromise(Leaks.verify(before, rest))
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? "2 seconds")) + MARGIN
  if (per === "file") {
    beforeAll(remember)
    afterAll(verify, limit)
  } else {
    beforeEach(remember)
    afterEach(verify, limit)
  }
}
