/**
 * What the demo tells while it runs, as plain data: a terminal draws it, a page can stream it.
 */

/** One piece of news. */
export type Update =
  /** A new part begins. */
  | { readonly _tag: "Scene"; readonly title: string }
  /** Something happened. */
  | { readonly _tag: "News"; readonly mark: Mark; readonly text: string }
  /** A session's index has grown. */
  | {
      readonly _tag: "Progress"
      readonly session: string
      /** The worker it lives on. */
      readonly worker: string
      readonly done: number
      readonly total: number
    }
  /** All sessions are where they were going: their bars stand. */
  | { readonly _tag: "Settled" }
  /** Text to be shown as it is, such as a traceback. */
  | { readonly _tag: "Quote"; readonly text: string }

/** What kind of news: as promised, broken, damage done, recovery, or a line that a worker printed. */
export type Mark = "ok" | "failed" | "broke" | "healed" | "output" | "info"
