/** Numpy's arrays and scalars. */
import { dtypeOf, itemSize, members } from "../../protocol/pickle/dtype.ts"
import type { TypedArray } from "../../protocol/pickle/dtype.ts"
import { Value, int } from "./value.ts"
import type { Int } from "./value.ts"

/** `C`: the last axis is contiguous. `F`: the first. */
export type Order = "C" | "F"

/** A `numpy.ndarray`. */
export class NdArray extends Value {
  readonly _tag = "NdArray" as const
  /** numpy's dtype string, such as `<f8`. */
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  readonly order: Order
  /**
   * All members, in memory order. Complex numbers are two members each, `datetime64` and `timedelta64` are `BigInt64Array`, half floats
   * are `Uint16Array`; big-endian numbers, text and records are raw bytes.
   */
  readonly data: TypedArray
  constructor(dtype: string, shape: ReadonlyArray<number>, order: Order, data: TypedArray) {
    super()
    this.dtype = dtype
    this.shape = shape
    this.order = order
    this.data = data
  }
  /** Number of members. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1)
  }
  toJSON(): {
    readonly dtype: string
    readonly shape: ReadonlyArray<number>
    readonly data: ReadonlyArray<Int>
  } {
    return { dtype: this.dtype, shape: this.shape, data: [...this.data] }
  }
}

/**
 * Makes a `numpy.ndarray` over a typed array, which is not copied. `shape` defaults to one axis, `dtype` to that of the members, `order` to
 * `C`.
 */
export const ndarray = (
  data: TypedArray,
  shape: ReadonlyArray<number> = [data.length],
  options: { readonly dtype?: string; readonly order?: Order } = {}
): NdArray => new NdArray(options.dtype ?? dtypeOf(data), shape, options.order ?? "C", data)

/** A scalar of numpy, such as `numpy.float32(1.5)`. */
export class NumpyScalar extends Value {
  readonly _tag = "NumpyScalar" as const
  /** numpy's dtype string, such as `<f4`. */
  readonly dtype: string
  /** Its bytes, as numpy keeps them. */
  readonly bytes: Uint8Array
  constructor(dtype: string, bytes: Uint8Array) {
    super()
    this.dtype = dtype
    this.bytes = bytes
  }
  /** What it stands for: a boolean, a number, a `bigint` for 64-bit integers beyond 2^53 - 1; else its bytes. */
  get value(): boolean | Int | Uint8Array {
    const data = members(this.dtype, this.bytes)
    const first = data[0]
    if (
      first === undefined ||
      data.length !== 1 ||
      (this.dtype.charAt(1) === "f" && data instanceof Uint16Array)
    )
      return this.bytes
    return this.dtype.charAt(1) === "b" ? first !== 0 : typeof first === "bigint" ? int(first) : first
  }
  /** The number it stands for, `NaN` if it is none. */
  toNumber(): number {
    const { value } = this
    return typeof value === "object" ? Number.NaN : Number(value)
  }
  override toString(): string {
    return String(this.value)
  }
  toJSON(): boolean | number | string {
    const { value } = this
    return typeof value === "boolean" || typeof value === "number" ? value : String(value)
  }
}

/** Makes a scalar of numpy of its only member, such as `Py.numpyScalar(new Float32Array([1.5]))`. */
export const numpyScalar = (data: TypedArray, dtype: string = dtypeOf(data)): NumpyScalar =>
  new NumpyScalar(dtype, new Uint8Array(data.buffer, data.byteOffset, itemSize(dtype) ?? data.byteLength))
