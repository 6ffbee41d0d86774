/** Tables without effects, as tests of single rules use them. */
import type { AffinityError, Binding, Mode } from "@fireweed/session-affinity"
import { Placement } from "@fireweed/session-affinity"
import { isAssignment, isObstacle } from "../../src/internal/obstacle.ts"
import * as Routing from "../../src/internal/routing.ts"
import type * as Table from "../../src/internal/table.ts"

export const settings = (options: Partial<Table.Settings> = {}): Table.Settings => ({
  placement: Placement.rendezvous,
  lifetime: 10,
  sliding: true,
  maxBindings: 100,
  evict: false,
  busy: undefined,
  waitFor: 5_000,
  maxWaiting: 100,
  maxMetadata: 1_024,
  ...options
})

/** Resolves a key that need not wait. */
export const resolve = (
  table: Table.Table,
  key: string,
  rules: Mode.Rules,
  now: number
): Binding.Assignment | AffinityError.AffinityError => {
  const answer = Routing.resolve(table, key, rules, now)
  if (isObstacle(answer)) throw new Error(`"${key}" would have to wait`)
  return answer
}

export const assigned = (answer: Binding.Assignment | AffinityError.AffinityError): Binding.Assignment => {
  if (!isAssignment(answer)) throw answer
  return answer
}
