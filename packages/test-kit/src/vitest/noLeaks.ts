/** {@link Leaks} as hooks of vitest. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"
import * as Leaks from "../Leaks.ts"

/** Time for the last look, and for the hook itself, in milliseconds. */
const MARGIN = 5_000

/**
 * Fails when the file, or the `describe` it is called in, leaves something behind: a process, a descriptor, a timer, a listener, a fiber, a
 * temporary file; with `{ per: "test" }` when a test does, which costs some milliseconds a test, and cannot be told apart when tests run
 * concurrently.
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
  let check: { readonly scope: Scope.Closeable; readonly before: Leaks.Snapshot } | undefined
  const remember = async (): Promise<void> => {
    const scope = Scope.makeUnsafe()
    check = { scope, before: await Effect.runPromise(Scope.provide(Leaks.snapshot, scope)) }
  }
  const verify = async (): Promise<void> => {
    if (check === undefined) return
    const { before, scope } = check
    await Effect.runPromise(Effect.onExit(Leaks.verify(before, rest), (exit) => Scope.close(scope, exit)))
  }
  const limit = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? "2 seconds")) + MARGIN
  if (per === "file") {
    beforeAll(remember)
    afterAll(verify, limit)
  } else {
    beforeEach(remember)
    afterEach(verify, limit)
  }
}
