/** UUIDs and paths. */
import { Value } from "./value.ts"

/** A `UUID`, as text of 36 characters in lower case. */
export class UUID extends Value {
  readonly _tag = "UUID" as const
  readonly text: string
  constructor(text: string) {
    super()
    this.text = text
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a `UUID` of its text. */
export const uuid = (text: string): UUID => new UUID(text.toLowerCase())

/** Which class of `pathlib` a path is. */
export type PathKind = "PosixPath" | "PurePosixPath" | "WindowsPath" | "PureWindowsPath"

/** A path of `pathlib`. */
export class Path extends Value {
  readonly _tag = "Path" as const
  readonly kind: PathKind
  readonly text: string
  constructor(kind: PathKind, text: string) {
    super()
    this.kind = kind
    this.text = text
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a path; `kind` defaults to `PosixPath`. */
export const path = (text: string, kind: PathKind = "PosixPath"): Path => new Path(kind, text)
