/**
 * Arrays as bytes: numpy's dtype strings and the type codes of `array.array`, and the typed arrays that see the same bytes.
 * Machines are little-endian here; what is not becomes raw bytes.
 */

/** Every typed array of the language that Python has a twin for. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array

interface Constructor {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray
}

/** By kind and size of a member, as numpy writes them. A complex number is two members. */
const constructors: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["b1", Uint8Array],
  ["i1", Int8Array],
  ["u1", Uint8Array],
  ["i2", Int16Array],
  ["u2", Uint16Array],
  ["f2", Uint16Array],
  ["i4", Int32Array],
  ["u4", Uint32Array],
  ["f4", Float32Array],
  ["i8", BigInt64Array],
  ["u8", BigUint64Array],
  ["f8", Float64Array],
  ["c8", Float32Array],
  ["c16", Float64Array],
  ["m8", BigInt64Array],
  ["M8", BigInt64Array],
  ["c1", Uint8ClampedArray]
])

/** dtype of the numpy array that has these members. */
const dtypes: ReadonlyMap<string, string> = new Map([
  ["Int8Array", "|i1"],
  ["Uint8Array", "|u1"],
  ["Uint8ClampedArray", "|u1"],
  ["Int16Array", "<i2"],
  ["Uint16Array", "<u2"],
  ["Int32Array", "<i4"],
  ["Uint32Array", "<u4"],
  ["BigInt64Array", "<i8"],
  ["BigUint64Array", "<u8"],
  ["Float32Array", "<f4"],
  ["Float64Array", "<f8"]
])

/** `array.array` writes `B` for what is no `bytes`; `Uint8Array` is taken by those, so it is the clamped one. */
const codes: ReadonlyMap<string, string> = new Map([
  ["b", "i1"],
  ["B", "c1"],
  ["h", "i2"],
  ["H", "u2"],
  ["i", "i4"],
  ["I", "u4"],
  ["l", "i8"],
  ["L", "u8"],
  ["q", "i8"],
  ["Q", "u8"],
  ["f", "f4"],
  ["d", "f8"]
])

const codesOut: ReadonlyMap<string, string> = new Map([
  ["Int8Array", "b"],
  ["Uint8ClampedArray", "B"],
  ["Int16Array", "h"],
  ["Uint16Array", "H"],
  ["Int32Array", "i"],
  ["Uint32Array", "I"],
  ["BigInt64Array", "q"],
  ["BigUint64Array", "Q"],
  ["Float32Array", "f"],
  ["Float64Array", "d"]
])

const DTYPE = /^([<>|=])([a-zA-Z])(\d{1,9})(?:\[[a-zA-Z0-9]{1,16}\])?$/

/** Bytes of one member of this dtype, or `undefined` if it is none that travels. */
export const itemSize = (dtype: string): number | undefined => {
  const parts = DTYPE.exec(dtype)
  return parts === null ? undefined : Number(parts[3]) * (parts[2] === "U" ? 4 : 1)
}

/** The dtype whose members are those of a typed array. */
export const dtypeOf = (data: TypedArray): string => dtypes.get(data[Symbol.toStringTag]) ?? "|u1"

/** The type code of the `array.array` that equals a typed array; `undefined` for a `Uint8Array`, which is `bytes`. */
export const codeOf = (name: string): string | undefined => codesOut.get(name)

/** The members of a dtype: a view, or a copy where the bytes are not aligned; the bytes themselves if no typed array fits. */
export const members = (dtype: string, bytes: Uint8Array): TypedArray => {
  const parts = DTYPE.exec(dtype)
  const swapped = parts?.[1] === ">" && parts[3] !== "1"
  const constructor = parts === null || swapped ? undefined : constructors.get(`${parts[2]}${parts[3]}`)
  return constructor === undefined ? bytes : (over(constructor, bytes) ?? bytes)
}

/** The members of an `array.array`, or `undefined` if code, count and bytes do not fit each other. */
export const arrayMembers = (code: string, count: number, bytes: Uint8Array): TypedArray | undefined => {
  const kind = codes.get(code)
  // A C long has 4 bytes on some platforms.
  const short = (code === "l" || code === "L") && count > 0 && bytes.length === count * 4
  const constructor = kind && constructors.get(short ? `${kind.charAt(0)}4` : kind)
  if (!constructor || count * constructor.BYTES_PER_ELEMENT !== bytes.length) return undefined
  return over(constructor, bytes)
}

/** Whether a typed array over these bytes needs no copy, whatever its members. */
export const isAligned = (bytes: Uint8Array): boolean => bytes.byteOffset % 8 === 0

const over = (constructor: Constructor, bytes: Uint8Array): TypedArray | undefined => {
  const size = constructor.BYTES_PER_ELEMENT
  if (bytes.length % size !== 0) return undefined
  const source = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return new constructor(source.buffer, source.byteOffset, source.length / size)
}
