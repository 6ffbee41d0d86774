/**
 * The numbers that calls go by on one wire: from 1 up, and around when all 32 bits are used. 0 names no call.
 */

/** The largest one. */
export const MAX = 0xffff_ffff

/** The one after `last` that no live call has. A call that runs for days may have a low one when the others come around. */
export const next = (last: number, isLive: (id: number) => boolean): number => {
  let id = last
  do id = id >= MAX ? 1 : id + 1
  while (isLive(id))
  return id
}
