/** Scopes as hooks of vitest, for tests that are no effects themselves. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"

/**
 * Acquires something in a scope before each test, or once for the file or the `describe` it is called in, and closes the scope afterwards.
 * Gives a function that answers it inside a test; outside of one it throws.
 *
 * ```text
 * import { withFixture } from "@fireweed/test-kit/vitest"
 *
 * const folder = withFixture(temporaryFolder, { per: "file" })
 * it("is empty", () => assert.deepStrictEqual(readdirSync(folder().value), []))
 * ```
 *
 * @category hooks
 */
export const withFixture = <A, E>(
  acquire: Effect.Effect<A, E, Scope.Scope>,
  options: { readonly per?: "file" | "test" | undefined } = {}
): (() => A) => {
  let held: { readonly value: A; readonly scope: Scope.Closeable } | undefined
  const before = async (): Promise<void> => {
    const scope = Scope.makeUnsafe()
    try {
      held = { value: await Effect.runPromise(Scope.provide(acquire, scope)), scope }
    } catch (error) {
      // What was acquired before the failure must not stay.
      await Effect.runPromise(Scope.close(scope, Exit.void))
      throw error
    }
  }
  const after = async (): Promise<void> => {
    const scope = held?.scope
    held = undefined
    if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  if (options.per === "file") {
    beforeAll(before)
    afterAll(after)
  } else {
    beforeEach(before)
    afterEach(after)
  }
  return () => {
    if (held === undefined) throw new Error("a fixture was asked for outside of its tests")
    return held.value
  }
}
