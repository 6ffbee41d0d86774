/**
 * Writes a pickle: the values of `VALUES.md`, or why one of them cannot be carried, and where it stands.
 *
 * Containers go through the memo, so that what is shared stays shared and cycles close. Depth is no matter for what can change (arrays,
 * objects, maps): below a certain depth such a container is written empty, and filled after all the rest.
 */
import type { EncodeRefusal } from "../Json.ts"
import * as Py from "../../Py.ts"
import { codeOf, itemSize } from "./dtype.ts"
import { integerBytes } from "./integer.ts"
import * as Op from "./opcodes.ts"
import { Writer } from "./writer.ts"

/** A pickle. Neither the pieces nor the buffers are copies of large bytes: these must not change until they are sent. */
export interface Encoded {
  /** The pickle, to be written in this order. */
  readonly pieces: ReadonlyArray<Uint8Array>
  /** What travels out of band. */
  readonly buffers: ReadonlyArray<Uint8Array>
}

/**
 * The pickle of a value, or why there is none. `root` names the value in the path of a refusal; a list of names is for the members of an
 * outermost array, so that the arguments of a call are `args[0]` and not `call[1][0]`.
 */
export const encode = (value: unknown, root: string | ReadonlyArray<string>): Encoded | EncodeRefusal => {
  // A getter may encode something itself: it finds no encoder, and makes one.
  const encoder = spare ?? new Encoder()
  spare = undefined
  const encoded = encoder.encode(value, root)
  spare = encoder
  return encoded
}

let spare: Encoder | undefined

/** Below this depth, what can change is written later. */
const DEEP = 200
/** What cannot change cannot be written later. */
const TOO_DEEP = 1000
/** No more texts than this are remembered in one message. */
const MAX_TEXTS = 4096

/** A step of a path: a key, or an index. */
type Step = string | number

/** A container that is still empty, and where it stands. */
interface Unfilled {
  readonly value: object
  readonly slot: number
  readonly path: Path | undefined
}

interface Path {
  readonly up: Path | undefined
  readonly steps: ReadonlyArray<Step>
}

class Refused {
  readonly found: string
  readonly hint: string
  constructor(found: string, hint: string) {
    this.found = found
    this.hint = hint
  }
}

const refuse = (found: string, hint: string): never => {
  throw new Refused(found, hint)
}

class Encoder {
  readonly #writer = new Writer()
  #buffers: Array<Uint8Array> = []
  /** By container: its place in the memo, or -1 while it is being written and can have none. */
  #memo = new Map<object, number>()
  #texts = new Map<string, number>()
  #globals = new Map<string, number>()
  #memoized = 0
  #depth = 0
  /** The way from the start of the current part to where we are, `#depth` steps. */
  #steps: Array<Step> = []
  #path: Path | undefined
  #unfilled: Array<Unfilled> = []
  /** Whether what is being written must have a hash in Python. */
  #isKey = false

  encode(value: unknown, root: string | ReadonlyArray<string>): Encoded | EncodeRefusal {
    try {
      this.#writer.begin()
      this.#value(value)
      for (let next = this.#unfilled.pop(); next !== undefined; next = this.#unfilled.pop()) {
        this.#path = next.path
        this.#get(next.slot)
        this.#fill(next.value)
        this.#writer.byte(Op.POP)
      }
      this.#writer.byte(Op.STOP)
      const encoded = { pieces: this.#writer.take(), buffers: this.#buffers }
      this.#forget()
      return encoded
    } catch (error) {
      const { found, hint } = error instanceof Refused ? error : thrown(error)
      const steps = [this.#steps.slice(0, this.#depth)]
      for (let path = this.#path; path !== undefined; path = path.up) steps.push([...path.steps])
      this.#writer.take()
      this.#forget()
      return { _tag: "EncodeRefusal", path: pathText(root, steps.toReversed().flat()), found, hint }
    }
  }

  #forget(): void {
    if (this.#buffers.length > 0) this.#buffers = []
    if (this.#memo.size > 0) this.#memo = new Map()
    if (this.#texts.size > 0) this.#texts = new Map()
    if (this.#globals.size > 0) this.#globals = new Map()
    if (this.#unfilled.length > 0) this.#unfilled = []
    if (this.#steps.length > DEEP) this.#steps = []
    this.#memoized = 0
    this.#depth = 0
    this.#path = undefined
    this.#isKey = false
  }

  #value(value: unknown): void {
    const writer = this.#writer
    switch (typeof value) {
      case "string":
        return writer.text(value)
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writer.integer(value)
        return writer.float(value)
      case "boolean":
        return writer.byte(value ? Op.NEWTRUE : Op.NEWFALSE)
      case "undefined":
        return writer.byte(Op.NONE)
      case "bigint":
        if (value >= -0x80000000n && value < 0x80000000n) return writer.integer(Number(value))
        return writer.bigint(integerBytes(value))
      case "object":
        return value === null ? writer.byte(Op.NONE) : this.#object(value)
      default:
        refuse(`a ${typeof value}`, "Python has no such value")
    }
  }

  #object(value: object): void {
    const slot = this.#memo.get(value)
    if (slot !== undefined && slot >= 0) return this.#get(slot)
    if (Array.isArray(value))
      return Py.isPy(value) ? this.#tuple(value, slot) : this.#mutable(value, Op.EMPTY_LIST)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#mutable(value, Op.EMPTY_DICT)
    if (value instanceof Map) return this.#mutable(value, Op.EMPTY_DICT)
    if (value instanceof Set) return this.#mutable(value, Op.EMPTY_SET)
    if (Py.isPy(value)) {
      if (slot !== undefined) refuse(`a cycle through a Py.${value._tag}`, "break the cycle")
      return this.#python(value)
    }
    if (ArrayBuffer.isView(value)) return this.#view(value)
    if (value instanceof ArrayBuffer) return this.#binary(value, new Uint8Array(value))
    if (value instanceof Date) return this.#date(value)
    refuse(`a ${className(value)}`, "send plain objects, arrays, Map, Set, typed arrays and the values of Py")
  }

  // What can change: empty first, so that its members can refer to it.

  #mutable(value: object, op: number): void {
    if (this.#isKey) refuseKey(kindOf(value))
    this.#writer.byte(op)
    const slot = this.#memoize(value)
    if (this.#depth < DEEP) return this.#fill(value)
    this.#unfilled.push({ value, slot, path: { up: this.#path, steps: this.#steps.slice(0, this.#depth) } })
  }

  #fill(value: object): void {
    if (Array.isArray(value)) this.#items(value, Op.APPENDS)
    else if (value instanceof Map) this.#entries(value)
    else if (value instanceof Set) this.#members(value, Op.ADDITEMS)
    else this.#properties(value)
  }

  #items(value: ReadonlyArray<unknown>, end: number): void {
    const { length } = value
    if (length === 0) return
    const depth = this.#depth++
    this.#writer.byte(Op.MARK)
    for (let index = 0; index < length; index++) {
      this.#steps[depth] = index
      this.#value(value[index])
    }
    this.#writer.byte(end)
    this.#depth = depth
  }

  #properties(value: object): void {
    const depth = this.#depth++
    let isEmpty = true
    for (const key of Object.keys(value)) {
      this.#steps[depth] = key
      const member = property(value, key)
      if (member === undefined) continue
      if (isEmpty) this.#writer.byte(Op.MARK)
      isEmpty = false
      this.#text(key)
      this.#value(member)
    }
    if (!isEmpty) this.#writer.byte(Op.SETITEMS)
    this.#depth = depth
  }

  #entries(value: ReadonlyMap<unknown, unknown>): void {
    if (value.size === 0) return
    const depth = this.#depth++
    let index = 0
    this.#writer.byte(Op.MARK)
    for (const [key, member] of value) {
      this.#steps[depth] = typeof key === "string" || typeof key === "number" ? key : `entry ${index}`
      this.#key(key, value)
      this.#value(member)
      index++
    }
    this.#writer.byte(Op.SETITEMS)
    this.#depth = depth
  }

  #members(value: ReadonlySet<unknown>, end: number): void {
    if (value.size === 0 && end === Op.ADDITEMS) return
    const depth = this.#depth++
    let index = 0
    this.#writer.byte(Op.MARK)
    for (const member of value) {
      this.#steps[depth] = index++
      this.#key(member, value)
    }
    this.#writer.byte(end)
    this.#depth = depth
  }

  /** A key of a `dict`, or a member of a `set`. */
  #key(key: unknown, among: { readonly has: (key: unknown) => boolean }): void {
    if (key === undefined && among.has(null))
      refuse("undefined beside null", "in Python they are the same key")
    if (typeof key === "boolean" && among.has(Number(key)))
      refuse(`${key} beside ${Number(key)}`, "in Python they are the same key")
    if (typeof key === "bigint" && Number.isSafeInteger(Number(key)) && among.has(Number(key)))
      refuse(`${key}n beside ${key}`, "in Python they are the same key")
    const isKey = this.#isKey
    this.#isKey = true
    if (typeof key === "string") this.#text(key)
    else this.#value(key)
    this.#isKey = isKey
  }

  // What cannot change: its parts come first. Should they have led back to it, it is in the memo by now.

  #tuple(value: ReadonlyArray<unknown>, slot: number | undefined): void {
    if (value.length === 0) return this.#writer.byte(Op.EMPTY_TUPLE)
    if (this.#depth >= TOO_DEEP) refuse(`more than ${TOO_DEEP} levels of tuples`, "flatten the value")
    if (slot === undefined) this.#memo.set(value, -1)
    this.#items(value, Op.TUPLE)
    this.#close(value)
  }

  #frozenSet(value: Py.FrozenSet): void {
    if (this.#depth >= TOO_DEEP) refuse(`more than ${TOO_DEEP} levels`, "flatten the value")
    this.#memo.set(value, -1)
    this.#members(value.members, Op.FROZENSET)
    this.#close(value)
  }

  #close(value: object): void {
    const slot = this.#memo.get(value)
    if (slot === undefined || slot < 0) return void this.#memoize(value)
    this.#writer.byte(Op.POP)
    this.#get(slot)
  }

  #binary(value: object, bytes: Uint8Array): void {
    this.#writer.bytes(bytes)
    this.#memoize(value)
  }

  #view(value: ArrayBufferView): void {
    const name: unknown = Reflect.get(value, Symbol.toStringTag)
    const bytes = bytesOf(value)
    if (name === "Uint8Array") return this.#binary(value, bytes)
    const code = typeof name === "string" ? codeOf(name) : undefined
    if (code === undefined)
      return refuse(`a ${className(value)}`, "send a typed array that array.array has a code for")
    if (this.#isKey) refuseKey(className(value))
    this.#begin("array")
    this.#writer.text(code)
    this.#value(bytes.length / elementSize(value))
    this.#buffer(bytes)
    this.#writer.byte(Op.TUPLE3)
    this.#reduce(value)
  }

  #date(value: Date): void {
    const year = value.getUTCFullYear()
    if (!(year >= 1 && year <= 9999))
      refuse(
        Number.isNaN(year) ? "an invalid Date" : `a Date in the year ${year}`,
        "Python knows the years 1 to 9999"
      )
    this.#call(value, "datetime", [
      year,
      value.getUTCMonth() + 1,
      value.getUTCDate(),
      value.getUTCHours(),
      value.getUTCMinutes(),
      value.getUTCSeconds(),
      value.getUTCMilliseconds() * 1000,
      0,
      0,
      null
    ])
  }

  #python(value: Py.Any): void {
    switch (value._tag) {
      case "Tuple":
        return this.#tuple(value, undefined)
      case "Float":
        return this.#writer.float(value.value)
      case "ByteArray":
        if (this.#isKey) refuseKey("Py.ByteArray")
        this.#writer.byteArray(value.bytes)
        return void this.#memoize(value)
      case "FrozenSet":
        return this.#frozenSet(value)
      case "DateTime":
        return this.#call(value, "datetime", [value.year, value.month, value.day, ...timeArguments(value)])
      case "Date":
        return this.#call(value, "date", [value.year, value.month, value.day])
      case "Time":
        return this.#call(value, "time", timeArguments(value))
      case "TimeDelta":
        return this.#call(value, "timedelta", [value.days, value.seconds, value.microseconds])
      case "Decimal":
        return this.#call(value, "decimal", [value.text])
      case "Fraction":
        return this.#call(value, "fraction", [value.numerator, value.denominator])
      case "Complex":
        this.#begin("complex")
        this.#writer.float(value.real)
        this.#writer.float(value.imaginary)
        this.#writer.byte(Op.TUPLE2)
        return this.#reduce(value)
      case "UUID":
        return this.#call(value, "uuid", [uuidBytes(value.text)])
      case "Path":
        return this.#call(value, "path", [value.kind, value.text])
      case "Range":
        return this.#call(value, "range", [value.start, value.stop, value.step])
      case "Slice":
        if (this.#isKey) refuseKey("Py.Slice")
        return this.#call(value, "slice", [value.start, value.stop, value.step], ["start", "stop", "step"])
      case "Enum":
        return this.#enum(value)
      case "Dataclass":
        return this.#dataclass(value)
      case "NamedTuple":
        return this.#namedTuple(value)
      case "OrderedDict":
      case "Counter":
        this.#begin(value._tag === "Counter" ? "counter" : "ordereddict", value)
        this.#pairs(value)
        this.#writer.byte(Op.TUPLE1)
        return this.#reduce(value)
      case "DefaultDict":
        this.#begin("defaultdict", value)
        this.#value(value.factory)
        this.#pairs(value)
        this.#writer.byte(Op.TUPLE2)
        return this.#reduce(value)
      case "Deque":
        this.#begin("deque", value)
        if (this.#isKey) refuseKey("Py.Deque")
        this.#list(value.members)
        this.#value(value.maxlen)
        this.#writer.byte(Op.TUPLE2)
        return this.#reduce(value)
      case "NdArray":
        return this.#ndarray(value)
      case "NumpyScalar":
        return this.#call(value, "scalar", [value.dtype, value.bytes])
      default:
        refuse("a value of another version of Py", "use one version of this package")
    }
  }

  // The hash of a member of an Enum is that of its name, and that of a dataclass is its own affair.

  #enum(value: Py.Enum): void {
    const isKey = this.#isKey
    this.#isKey = false
    this.#call(value, "enum", [value.module, value.type, value.name, value.value], ["", "", "", "value"])
    this.#isKey = isKey
  }

  #dataclass(value: Py.Dataclass): void {
    const isKey = this.#isKey
    this.#begin("dataclass", value)
    this.#isKey = false
    this.#writer.text(value.module)
    this.#writer.text(value.type)
    this.#writer.byte(Op.EMPTY_DICT)
    this.#properties(value.fields)
    this.#writer.byte(Op.TUPLE3)
    this.#isKey = isKey
    this.#reduce(value)
  }

  #namedTuple(value: Py.NamedTuple): void {
    if (value.names.length !== value.values.length)
      refuse(
        `a Py.NamedTuple of ${value.names.length} names and ${value.values.length} values`,
        "give one value for each"
      )
    this.#begin("namedtuple", value)
    this.#writer.byte(Op.MARK)
    this.#writer.text(value.module)
    this.#writer.text(value.type)
    this.#parts(value.names, [])
    this.#writer.byte(Op.TUPLE)
    this.#parts(value.values, value.names)
    this.#writer.byte(Op.TUPLE)
    this.#writer.byte(Op.TUPLE)
    this.#reduce(value)
  }

  #ndarray(value: Py.NdArray): void {
    if (this.#isKey) refuseKey("Py.NdArray")
    const size = itemSize(value.dtype)
    const { data } = value
    if (size === undefined || value.size * size !== data.byteLength)
      refuse(
        `a Py.NdArray of ${data.byteLength} bytes, dtype ${value.dtype} and shape (${value.shape.join(", ")})`,
        "make these fit each other"
      )
    this.#begin("ndarray")
    this.#writer.byte(Op.MARK)
    this.#writer.text(value.dtype)
    this.#parts(value.shape, [])
    this.#writer.byte(Op.TUPLE)
    this.#writer.text(value.order)
    this.#buffer(bytesOf(data))
    this.#writer.byte(Op.TUPLE)
    this.#reduce(value)
  }

  /** Arguments that are written in order, and the names that those with a path of their own have in it. */
  #call(value: object, name: string, args: ReadonlyArray<unknown>, names: ReadonlyArray<Step> = []): void {
    this.#begin(name, value)
    this.#parts(args, names)
    this.#writer.byte(Op.TUPLE)
    this.#reduce(value)
  }

  #parts(parts: ReadonlyArray<unknown>, names: ReadonlyArray<Step>): void {
    const depth = this.#depth++
    this.#writer.byte(Op.MARK)
    for (const [index, part] of parts.entries()) {
      this.#steps[depth] = names[index] ?? index
      this.#value(part)
    }
    this.#depth = depth
  }

  #list(members: ReadonlyArray<unknown>): void {
    this.#writer.byte(Op.EMPTY_LIST)
    this.#items(members, Op.APPENDS)
  }

  #pairs(value: Py.OrderedDict | Py.Counter | Py.DefaultDict): void {
    if (this.#isKey) refuseKey(`Py.${value._tag}`)
    const depth = this.#depth++
    this.#writer.byte(Op.EMPTY_LIST)
    this.#writer.byte(Op.MARK)
    for (const [key, member] of value.entries) {
      this.#steps[depth] = typeof key === "string" || typeof key === "number" ? key : "a key"
      this.#key(key, NOTHING)
      this.#value(member)
      this.#writer.byte(Op.TUPLE2)
    }
    this.#writer.byte(Op.APPENDS)
    this.#depth = depth
  }

  // The memo, globals and buffers.

  #text(text: string): void {
    const slot = this.#texts.get(text)
    if (slot !== undefined) return this.#get(slot)
    this.#writer.text(text)
    if (this.#texts.size >= MAX_TEXTS) return
    this.#writer.byte(Op.MEMOIZE)
    this.#texts.set(text, this.#memoized++)
  }

  #memoize(value: object): number {
    this.#writer.byte(Op.MEMOIZE)
    this.#memo.set(value, this.#memoized)
    return this.#memoized++
  }

  #get(slot: number): void {
    if (slot < 256) this.#writer.short(Op.BINGET, slot)
    else this.#writer.long(Op.LONG_BINGET, slot)
  }

  /** Begins the call of an extension. What may contain itself is marked. */
  #begin(name: string, value?: object): void {
    if (value !== undefined) {
      if (this.#depth >= TOO_DEEP) refuse(`more than ${TOO_DEEP} levels`, "flatten the value")
      this.#memo.set(value, -1)
    }
    const slot = this.#globals.get(name)
    if (slot !== undefined) return this.#get(slot)
    this.#text(Op.EXTENSIONS)
    this.#writer.text(name)
    this.#writer.byte(Op.STACK_GLOBAL)
    this.#writer.byte(Op.MEMOIZE)
    this.#globals.set(name, this.#memoized++)
  }

  #reduce(value: object): void {
    this.#writer.byte(Op.REDUCE)
    this.#memoize(value)
  }

  #buffer(bytes: Uint8Array): void {
    this.#buffers.push(bytes)
    this.#writer.byte(Op.NEXT_BUFFER)
  }
}

const NOTHING: ReadonlySet<unknown> = new Set()

const refuseKey = (what: string): never =>
  refuse(
    `a ${what} as a key or in a set`,
    "Python needs a value that cannot change: use a tuple, a frozenset, text or a number"
  )

const kindOf = (value: object): string => {
  if (Array.isArray(value)) return "list"
  if (value instanceof Set) return "set"
  return "dict"
}

const thrown = (error: unknown): Refused => {
  let text: string
  try {
    text = String(error)
  } catch {
    text = "something that is no error"
  }
  return new Refused(`something that threw ${text}`, "send plain data")
}

const property = (value: object, key: string): unknown => Reflect.get(value, key)

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

const elementSize = (view: ArrayBufferView): number =>
  "BYTES_PER_ELEMENT" in view && typeof view.BYTES_PER_ELEMENT === "number" ? view.BYTES_PER_ELEMENT : 1

const timeArguments = (time: Py.Time | Py.DateTime): ReadonlyArray<unknown> => [
  time.hour,
  time.minute,
  time.second,
  time.microsecond,
  time.fold,
  time.offset,
  time.zone
]

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const uuidBytes = (text: string): Uint8Array => {
  if (!UUID.test(text)) refuse(`the UUID "${text.slice(0, 60)}"`, "write it with 32 digits and four hyphens")
  const digits = text.replaceAll("-", "")
  return Uint8Array.from({ length: 16 }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16)
  )
}

const className = (value: object): string => {
  const constructor: unknown = Reflect.get(value, "constructor")
  return typeof constructor === "function" && constructor.name !== ""
    ? constructor.name
    : "value of an unnamed class"
}

const MAX_STEPS = 40

const stepText = (step: Step): string => {
  if (typeof step === "number") return `[${step}]`
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 80))}]`
}

const pathText = (root: string | ReadonlyArray<string>, steps: ReadonlyArray<Step>): string => {
  const first = steps[0]
  const isNamed = typeof root !== "string" && typeof first === "number"
  const name = isNamed ? root[first] : typeof root === "string" ? root : ""
  const rest = isNamed ? steps.slice(1) : steps
  const shown = rest.slice(0, MAX_STEPS).map(stepText)
  return `${name ?? ""}${shown.join("")}${rest.length > MAX_STEPS ? "..." : ""}`
}
