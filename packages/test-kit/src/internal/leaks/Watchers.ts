/** All watchers. They take notes as long as at least one check is active. */
import type { Kind } from "../../Leaks.ts"
import { fibers } from "./Fibers.ts"
import { descriptors, files } from "./Files.ts"
import { timers } from "./Handles.ts"
import { listeners } from "./Listeners.ts"
import * as Origin from "./Origin.ts"
import { processes } from "./Processes.ts"
import type { Watcher } from "./Watcher.ts"

export const watchers: Readonly<Record<Kind, Watcher>> = {
  process: processes,
  descriptor: descriptors,
  timer: timers,
  listener: listeners,
  fiber: fibers,
  file: files
}

let active = 0
let stops: ReadonlyArray<() => void> = []

export const start = (): void => {
  if (active++ > 0) return
  const started = Object.values(watchers).map((watcher) => watcher.start())
  stops = [...started, Origin.follow()]
}

export const stop = (): void => {
  if (--active > 0) return
  for (const step of stops.toReversed()) step()
}
