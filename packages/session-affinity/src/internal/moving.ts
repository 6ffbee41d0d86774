/**
 * Movements that take time, since a hook has to save or restore the state of the key. Until it is done the key is served nowhere: who asks
 * for it waits behind the movement. It commits as a whole or not at all, and whatever happens to the key meanwhile ends it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type AffinityError, KeyMoving, MoveFailed } from "../AffinityError.ts"
import type { Movement } from "../Movement.ts"
import * as Slots from "./slots.ts"
import * as Table from "./table.ts"
import * as Life from "./life.ts"
import { Obstacle } from "./obstacle.ts"
import { leave, settle } from "./waiting.ts"

/** What is to be done on the way, and how to run it. */
export interface Hooks {
  readonly saveState: ((movement: Movement) => Effect.Effect<unknown, unknown>) | undefined
  readonly restoreState: ((movement: Movement) => Effect.Effect<unknown, unknown>) | undefined
  /** Starts a fiber that ends with the table. */
  readonly run: (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>
  readonly now: () => number
}

export class Move extends Obstacle {
  readonly key: string
  readonly slot: number
  readonly reason: Movement["reason"]
  readonly from: Table.Target
  to: Table.Target
  /** Chooses a place again, if the one that was chosen goes before the key is there. */
  readonly choose: () => Table.Target | undefined
  stage: "save" | "restore" = "save"
  fiber: Fiber.Fiber<unknown, unknown> | undefined

  constructor(
    key: string,
    slot: number,
    reason: Movement["reason"],
    from: Table.Target,
    to: Table.Target,
    choose: Move["choose"]
  ) {
    super()
    this.key = key
    this.slot = slot
    this.reason = reason
    this.from = from
    this.to = to
    this.choose = choose
  }

  refusal(key: string, waited: number): AffinityError {
    return new KeyMoving(key, this.from.id, this.to.id, waited)
  }

  /** What ends a life at a fixed time ends its movement. */
  expire(table: Table.Table, now: number): void {
    cancel(table, this, now)
  }
}

/** Whether a hook has anything to do for a key that leaves for this reason. */
export const takesTime = (table: Table.Table, reason: Movement["reason"]): boolean => {
  const { hooks } = table
  if (hooks === undefined) return false
  return hooks.restoreState !== undefined || (hooks.saveState !== undefined && reason !== "gone")
}

/** Sends a key on its way. */
export const begin = (
  table: Table.Table,
  slot: number,
  reason: Movement["reason"],
  to: Table.Target,
  choose: Move["choose"]
): Move | MoveFailed => {
  const { slots } = table
  const from = Table.targetOf(table, slot)
  const move = new Move(slots.keyOf(slot), slot, reason, from, to, choose)
  // What idles expires no more; what lives for a fixed time still does, and stays listed for it.
  if (slots.stateOf(slot) === Slots.LOST) slots.ages.remove(slot)
  else slots.uses.remove(slot)
  slots.setState(slot, Slots.MOVING)
  table.moves.set(slot, move)
  to.incoming++
  const refused = start(table, move)
  return refused ?? move
}

/** Ends a movement before its time; the key is where it was, and who waited looks again. */
export const cancel = (table: Table.Table, move: Move, now: number): void => {
  stop(table, move)
  putBack(table, move, now)
  for (const waiter of move.waiters) table.released.add(waiter)
}

/** Sends keys elsewhere that were on their way to a target which takes no more. */
export const redirect = (table: Table.Table, target: Table.Target, now: number): void => {
  for (const move of table.moves.values()) {
    if (move.to !== target) continue
    const to = attempt(move.choose)
    if (to === undefined) {
      cancel(table, move, now)
      continue
    }
    const { fiber } = move
    move.to = to
    to.incoming++
    target.incoming--
    start(table, move, fiber)
  }
}

/** Runs the hooks, once those that run already, for a place the key no more goes to, have ended. */
const start = (
  table: Table.Table,
  move: Move,
  before?: Fiber.Fiber<unknown, unknown>
): MoveFailed | undefined => {
  const { hooks } = table
  if (hooks === undefined) throw new Error("A movement without hooks takes no time")
  let refused: MoveFailed | undefined
  // It begins after the deed at hand, which is not to meet what a hook does to the table.
  const ended =
    before === undefined ? Effect.yieldNow : Effect.andThen(Effect.yieldNow, Fiber.interrupt(before))
  const fiber = hooks.run(Effect.andThen(ended, travel(table, move, hooks)))
  move.fiber = fiber
  fiber.addObserver((exit) => {
    if (move.fiber === fiber) refused = finish(table, move, exit, hooks.now())
  })
  return refused
}

const travel = (table: Table.Table, move: Move, hooks: Hooks): Effect.Effect<unknown, unknown> => {
  const { reason, slot } = move
  const movement: Movement = {
    key: move.key,
    from: move.from.id,
    target: move.to.id,
    reason,
    epoch: table.slots.epochOf(slot),
    metadata: table.metadata.get(slot) ?? {}
  }
  const restore = Effect.suspend(() => {
    move.stage = "restore"
    return hooks.restoreState?.(movement) ?? Effect.void
  })
  // A key that is redirected was saved before.
  if (move.stage === "restore" || reason === "gone" || hooks.saveState === undefined) return restore
  const { saveState } = hooks
  return Effect.andThen(
    Effect.suspend(() => saveState(movement)),
    restore
  )
}

const finish = (
  table: Table.Table,
  move: Move,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): MoveFailed | undefined => {
  putBack(table, move, now)
  if (exit._tag === "Failure") return fail(table, move, exit.cause, now)
  Life.relocate(table, move.slot, move.to, move.reason, now)
  for (const waiter of move.waiters) table.released.add(waiter)
  settle(table, now)
  return undefined
}

const fail = (table: Table.Table, move: Move, cause: Cause.Cause<unknown>, now: number): MoveFailed => {
  const { from, key, stage, to } = move
  const failed = new MoveFailed(key, from.id, to.id, stage, cause)
  table.counters.movesFailed++
  table.emit?.({
    _tag: "MoveFailed",
    at: now,
    key,
    from: from.id,
    target: to.id,
    epoch: table.slots.epochOf(move.slot),
    stage
  })
  for (const waiter of move.waiters) {
    leave(table, waiter, now)
    waiter.resume(failed)
  }
  settle(table, now)
  return failed
}

const stop = (table: Table.Table, move: Move): void => {
  const { fiber } = move
  move.fiber = undefined
  // Later, too: what a hook does when it is interrupted is not to meet the deed at hand.
  if (fiber !== undefined) table.hooks?.run(Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber)))
}

/** The slot is what it was before the movement. */
const putBack = (table: Table.Table, move: Move, now: number): void => {
  const { slots } = table
  table.moves.delete(move.slot)
  move.to.incoming--
  if (move.reason === "gone") {
    slots.setState(move.slot, Slots.LOST)
    slots.renew(move.slot, now)
    slots.ages.append(Slots.DEAD, move.slot)
  } else {
    slots.setState(move.slot, Slots.BOUND)
    Life.relist(table, move.slot, now)
  }
}

const attempt = <A>(choose: () => A): A | undefined => {
  try {
    return choose()
  } catch {
    // Whoever waits for the key chooses again, and meets the defect himself.
    return undefined
  }
}
