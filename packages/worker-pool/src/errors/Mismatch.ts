/** A description and the Python function it describes, compared. */
import * as Schema from "effect/Schema"

/**
 * A description by `PythonModule` that does not match what Python has.
 *
 * @category models
 */
export interface Mismatch {
  /** What is described, as `module:name`. */
  readonly target: string
  /** Its signature as it is described. */
  readonly described: string
  /** Its signature in Python, or what is there instead. */
  readonly python: string
  /** What does not match, one line each. */
  readonly problems: ReadonlyArray<string>
}

/** A mismatch as data that can cross a process. */
export const Mismatch: Schema.Codec<Mismatch> = Schema.Struct({
  target: Schema.String,
  described: Schema.String,
  python: Schema.String,
  problems: Schema.Array(Schema.String)
})

/** Both signatures, one below the other, and what does not match. */
export const format = ({ described, problems, python, target }: Mismatch): string =>
  [
    target,
    `  described: ${described}`,
    `  Python:    ${python}`,
    ...problems.map((line) => `  - ${line}`)
  ].join("\n")
