/** Numbers that a `number` cannot stand for. */
import { Value } from "./value.ts"
import type { Int } from "./value.ts"

/** A number that goes out as `float` even if it is whole. Python's floats arrive as plain numbers. */
export class Float extends Value {
  readonly _tag = "Float" as const
  readonly value: number
  constructor(value: number) {
    super()
    this.value = value
  }
  toNumber(): number {
    return this.value
  }
  override toString(): string {
    return Number.isInteger(this.value) ? this.value.toFixed(1) : String(this.value)
  }
  toJSON(): number {
    return this.value
  }
}

/** Makes a `float`, also of a whole number: `Py.float(1)` is `1.0`. */
export const float = (value: number): Float => new Float(value)

/** A `Decimal`, as text: `1.10` is not `1.1`, as in Python's `repr`. */
export class Decimal extends Value {
  readonly _tag = "Decimal" as const
  readonly text: string
  constructor(text: string) {
    super()
    this.text = text
  }
  /** The nearest number. */
  toNumber(): number {
    return Number(this.text.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"))
  }
  override toString(): string {
    return this.text
  }
  toJSON(): string {
    return this.text
  }
}

/** Makes a `Decimal`. */
export const decimal = (value: string | Int): Decimal => new Decimal(String(value))

/** A `Fraction`. Those that come from Python are in lowest terms. */
export class Fraction extends Value {
  readonly _tag = "Fraction" as const
  readonly numerator: Int
  readonly denominator: Int
  constructor(numerator: Int, denominator: Int) {
    super()
    this.numerator = numerator
    this.denominator = denominator
  }
  /** The quotient, as near as a number comes. */
  toNumber(): number {
    return Number(this.numerator) / Number(this.denominator)
  }
  override toString(): string {
    return Number(this.denominator) === 1 ? `${this.numerator}` : `${this.numerator}/${this.denominator}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** Makes a `Fraction`; Python brings it to lowest terms. */
export const fraction = (numerator: Int, denominator: Int = 1): Fraction =>
  new Fraction(numerator, denominator)

/** A `complex`. */
export class Complex extends Value {
  readonly _tag = "Complex" as const
  readonly real: number
  readonly imaginary: number
  constructor(real: number, imaginary: number) {
    super()
    this.real = real
    this.imaginary = imaginary
  }
  override toString(): string {
    const negative = this.imaginary < 0 || Object.is(this.imaginary, -0)
    return `(${this.real}${negative ? "-" : "+"}${Math.abs(this.imaginary)}j)`
  }
  toJSON(): { readonly real: number; readonly imaginary: number } {
    return { real: this.real, imaginary: this.imaginary }
  }
}

/** Makes a `complex`. */
export const complex = (real: number, imaginary = 0): Complex => new Complex(real, imaginary)
