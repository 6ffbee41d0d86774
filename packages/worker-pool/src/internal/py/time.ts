/** Dates, times of day, and spans of time. */
import { Value, pad } from "./value.ts"

/** A `date`. Months count from 1. */
export class Date extends Value {
  readonly _tag = "Date" as const
  readonly year: number
  readonly month: number
  readonly day: number
  constructor(year: number, month: number, day: number) {
    super()
    this.year = year
    this.month = month
    this.day = day
  }
  /** Midnight in UTC. */
  toDate(): globalThis.Date {
    return new globalThis.Date(millis(this.year, this.month, this.day, 0))
  }
  /** As ISO 8601, which is also what Python prints. */
  override toString(): string {
    return `${pad(this.year, 4)}-${pad(this.month)}-${pad(this.day)}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `date`. */
export const date = (year: number, month: number, day: number): Date => new Date(year, month, day)

/** What a time of day and its zone are made of. What is left out is 0, or no zone. */
export interface TimeFields {
  readonly hour?: number
  readonly minute?: number
  readonly second?: number
  readonly microsecond?: number
  /** 1 for the second of two equal wall times, when clocks are put back. */
  readonly fold?: 0 | 1
  /** Seconds east of UTC; `null` for a naive time. */
  readonly offset?: number | null
  /** Key of a `ZoneInfo`, such as `Europe/Berlin`; Python then finds the offset itself. */
  readonly zone?: string | null
}

/** A `time`, naive or aware. */
export class Time extends Value {
  readonly _tag = "Time" as const
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly zone: string | null
  constructor(fields: TimeFields) {
    super()
    this.hour = fields.hour ?? 0
    this.minute = fields.minute ?? 0
    this.second = fields.second ?? 0
    this.microsecond = fields.microsecond ?? 0
    this.fold = fields.fold ?? 0
    this.offset = fields.offset ?? null
    this.zone = fields.zone ?? null
  }
  /** As ISO 8601, which is also what Python prints. */
  override toString(): string {
    return clock(this) + offsetText(this.offset)
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `time`. */
export const time = (fields: TimeFields): Time => new Time(fields)

/** What a `datetime` is made of. What is left out of the time is 0, or no zone. */
export interface DateTimeFields extends TimeFields {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** A `datetime`, naive or aware, to the microsecond. */
export class DateTime extends Value {
  readonly _tag = "DateTime" as const
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly zone: string | null
  constructor(fields: DateTimeFields) {
    super()
    this.year = fields.year
    this.month = fields.month
    this.day = fields.day
    this.hour = fields.hour ?? 0
    this.minute = fields.minute ?? 0
    this.second = fields.second ?? 0
    this.microsecond = fields.microsecond ?? 0
    this.fold = fields.fold ?? 0
    this.offset = fields.offset ?? null
    this.zone = fields.zone ?? null
  }
  /** Milliseconds since 1970, with a fraction for the microseconds. A naive one is taken as UTC. */
  toMillis(): number {
    const seconds = this.hour * 3600 + this.minute * 60 + this.second - (this.offset ?? 0)
    return millis(this.year, this.month, this.day, seconds) + this.microsecond / 1000
  }
  /** The instant, without the microseconds. A naive one is taken as UTC. */
  toDate(): globalThis.Date {
    return new globalThis.Date(Math.floor(this.toMillis()))
  }
  /** As ISO 8601. */
  toISOString(): string {
    return this.toString().replace(" ", "T")
  }
  override toString(): string {
    return `${pad(this.year, 4)}-${pad(this.month)}-${pad(this.day)} ${clock(this)}${offsetText(this.offset)}`
  }
  toJSON(): string {
    return this.toISOString()
  }
}

/** Makes a `datetime`. A plain `Date` needs none: it goes out as an aware `datetime` in UTC. */
export const dateTime = (fields: DateTimeFields): DateTime => new DateTime(fields)

/** A `timedelta`, as Python keeps it: seconds from 0 to 86 399 and microseconds from 0 to 999 999; the days have the sign. */
export class TimeDelta extends Value {
  readonly _tag = "TimeDelta" as const
  readonly days: number
  readonly seconds: number
  readonly microseconds: number
  constructor(days: number, seconds: number, microseconds: number) {
    super()
    this.days = days
    this.seconds = seconds
    this.microseconds = microseconds
  }
  /** Milliseconds, with a fraction for the microseconds. */
  toMillis(): number {
    return (this.days * 86_400 + this.seconds) * 1000 + this.microseconds / 1000
  }
  override toString(): string {
    const { days, microseconds, seconds } = this
    const time = `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
    const fraction = microseconds === 0 ? "" : `.${pad(microseconds, 6)}`
    return `${days === 0 ? "" : `${days} day${Math.abs(days) === 1 ? "" : "s"}, `}${time}${fraction}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `timedelta` from a sum of units; a negative or a fraction of one is fine. */
export const timeDelta = (units: {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly milliseconds?: number
  readonly microseconds?: number
}): TimeDelta => {
  const { days = 0, hours = 0, microseconds = 0, milliseconds = 0, minutes = 0, seconds = 0 } = units
  const wholeDays = Math.floor(days)
  const rest = (days - wholeDays) * 86_400 + hours * 3600 + minutes * 60 + seconds
  const wholeSeconds = Math.floor(rest)
  const micros = Math.round((rest - wholeSeconds) * 1e6 + milliseconds * 1000 + microseconds)
  const total = wholeSeconds + Math.floor(micros / 1e6)
  return new TimeDelta(wholeDays + Math.floor(total / 86_400), mod(total, 86_400), mod(micros, 1e6))
}

const mod = (value: number, by: number): number => value - Math.floor(value / by) * by

const millis = (year: number, month: number, day: number, seconds: number): number => {
  // Not Date.UTC, which moves the years 0 to 99 into the 20th century.
  const midnight = new globalThis.Date(0).setUTCFullYear(year, month - 1, day)
  return midnight + seconds * 1000
}

interface Clock {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
}

const clock = ({ hour, microsecond, minute, second }: Clock): string =>
  `${pad(hour)}:${pad(minute)}:${pad(second)}${microsecond === 0 ? "" : `.${pad(microsecond, 6)}`}`

const offsetText = (offset: number | null): string => {
  if (offset === null) return ""
  const micros = Math.round(Math.abs(offset) * 1e6)
  const seconds = Math.floor(micros / 1e6)
  const hours = `${offset < 0 ? "-" : "+"}${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}`
  if (micros % 60e6 === 0) return hours
  return `${hours}:${pad(seconds % 60)}${micros % 1e6 === 0 ? "" : `.${pad(micros % 1e6, 6)}`}`
}
