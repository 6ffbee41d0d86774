/**
 * Pools that close when the program is told to end. There is one listener a signal for all of them, since only so can it be told
 * whether somebody else listens, who then decides what becomes of the program.
 */
import process from "node:process"

type Close = () => Promise<void>

const open = new Set<Close>()

/**
 * Closes a pool at SIGINT and SIGTERM. Then the program ends by that signal, unless others listen to it. A second signal, while
 * pools close, is no longer listened to, and so ends the program at once. Gives what takes the pool out again.
 */
export const closeOnSignals = (close: Close): (() => void) => {
  if (open.size === 0) for (const signal of NAMES) process.on(signal, onSignal)
  open.add(close)
  return () => {
    if (open.delete(close) && open.size === 0) stopListening()
  }
}

const NAMES = ["SIGINT", "SIGTERM"] as const

const stopListening = (): void => {
  for (const signal of NAMES) process.off(signal, onSignal)
}

const onSignal = (signal: NodeJS.Signals): void => void closeAll(signal)

const closeAll = async (signal: NodeJS.Signals): Promise<void> => {
  const closing = [...open]
  open.clear()
  stopListening()
  const isAlone = process.listenerCount(signal) === 0
  await Promise.allSettled(closing.map((close) => close()))
  if (isAlone) end(signal)
}

// As by the signal itself, so that the parent sees what ended it.
const end = (signal: NodeJS.Signals): void => {
  try {
    process.kill(process.pid, signal)
  } catch {
    // Deno wants a permission for that.
    process.exit(signal === "SIGINT" ? 130 : 143)
  }
}
