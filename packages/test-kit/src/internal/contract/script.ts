/** The module `contract`, for mock workers. What `python.ts` is for real ones. */
import * as Behaviour from "../../workers/Behaviour.ts"
import type { Script } from "../../workers/MockWorker.ts"
import * as Start from "../../workers/Start.ts"

export const script: Script = {
  echo: (...args: ReadonlyArray<unknown>) => args,
  fail: (kind: string, message: string) =>
    Behaviour.raise(kind, kind === "KeyError" ? `'${message}'` : message, {
      frames: [["contract.py", 18, "fail", "raise ..."]]
    }),
  fail_from: (message: string) =>
    Behaviour.raise("ValueError", message, {
      notes: ["a note"],
      cause: { type: "KeyError", message: "'k'", frames: [] }
    }),
  leave: (status: number) => Behaviour.raise("SystemExit", String(status)),
  give_up: Behaviour.raise("KeyboardInterrupt"),
  run_out: Behaviour.raise("MemoryError"),
  end: (status: number) => Behaviour.exit(status),
  be_killed: Behaviour.signal("SIGKILL"),
  nap: (seconds: number) => Behaviour.delay(seconds * 1_000),
  no_value: () => () => 1,
  ask: (name: string, ...args: ReadonlyArray<unknown>) => Behaviour.callback(name, args),
  ask_safely: (name: string, ...args: ReadonlyArray<unknown>) =>
    Behaviour.callback(name, args, undefined, Behaviour.reply("refused")),
  log: (level: number, message: string) => Behaviour.log(level, message, { logger: "contract" }),
  *count(n: number) {
    yield* range(n)
    return "counted"
  },
  count_and_fail: (n: number) => Behaviour.yields(range(n), Behaviour.raise("ValueError", `after ${n}`)),
  count_and_nap: (n: number) => Behaviour.yields(range(n), Behaviour.delay("1 minute")),
  odd_items: () => Behaviour.yields([1, () => 1]),
  double: (n: number) => 2 * n,
  halve: (n: number) => (n % 2 === 0 ? n / 2 : Behaviour.raise("ValueError", "odd")),
  odd_values: (n: number) => (n % 2 === 0 ? n : () => 1),
  double_or_end: (n: number) => (n < 0 ? Behaviour.exit(7) : 2 * n),
  Counter: (start = 0) => {
    if (start < 0) return Behaviour.raise("ValueError", "below zero")
    let n = start
    return {
      add: (by: number) => (n += by),
      fail: () => Behaviour.raise("ValueError", "as told"),
      *numbers(count: number) {
        for (let i = 0; i < count; i++) yield ++n
      },
      snapshot: () => (n === 13 ? Behaviour.raise("ValueError", "unlucky") : n),
      restore: (state: number) => {
        n = state
        return null
      },
      end: Behaviour.exit(7),
      _hidden: () => n
    }
  },
  Mortal: () => ({ add: (by: number) => by }),
  "contract:hidden": () => "hidden"
}

const generators = ["count", "count_and_fail", "count_and_nap", "odd_items"]

/** What the module exposes. */
export const start: Start.Start = Start.exposing(
  Object.fromEntries(
    Object.keys(script)
      .filter((name) => !name.includes(":"))
      .map((name) => [
        name,
        {
          kind:
            name === "Counter" || name === "Mortal"
              ? ("class" as const)
              : generators.includes(name)
                ? ("generator" as const)
                : ("function" as const),
          target: `contract:${name}`
        }
      ])
  )
)

function range(n: number): ReadonlyArray<number> {
  return Array.from({ length: n }, (_, index) => index)
}
