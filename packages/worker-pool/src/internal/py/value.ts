/** What the values of `Py` have in common. */

/** The mark that every value of this module has. */
export const TypeId = "~fireweed/Py" as const

/** A whole number: `bigint` beyond 2^53 - 1. */
export type Int = number | bigint

export abstract class Value {
  get [TypeId](): typeof TypeId {
    return TypeId
  }
}

export const pad = (value: number, width = 2): string => String(value).padStart(width, "0")

export const int = (value: bigint): Int =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
