/**
 * Reads a pickle: a machine with a stack and a memo that builds plain values. It runs nothing, and refuses every opcode and every global
 * that `VALUES.md` does not list.
 *
 * It is iterative, so depth costs no stack. Every length is held against what is left before it is used, so that time and memory are
 * linear in the bytes that really came, whatever they claim.
 *
 * **Dictionaries.** A `dict` is a plain object while all its keys are text, and a `Map` otherwise, which is known only when its items come:
 * after the empty dict, and after everything that refers to it from within. It starts as an object. When the first other key comes, the
 * object is replaced by a `Map`, in the two places that hold it: its slot of the stack and its slot of the memo. Has the object been
 * fetched from the memo before, there may be more places; then the whole pickle is read again, twice: once to find all such dicts,
 * once with `Map`s from the start. So identity holds everywhere, even in what is frozen, and only a dict with such keys that contains itself
 * (or is larger than one batch and shared) pays for it.
 */
import { Buffer } from "node:buffer"
import * as Py from "../../Py.ts"
import { violation } from "../Frame.ts"
import type { ProtocolViolation } from "../Frame.ts"
import { extensions } from "./extensions.ts"
import type { Arguments, Extension, Spend } from "./extensions.ts"
import { readInteger } from "./integer.ts"
import { EXTENSIONS, MEMOIZE, PROTO, PROTOCOL, REDUCE } from "./opcodes.ts"
import * as Text from "./text.ts"

/** What was read. In an object of its own: a value may look like anything, also like a violation. */
export interface Decoded {
  readonly value: unknown
}

/**
 * The value that a pickle of protocol 5 stands for, or the rule that it breaks. Bytes are views of what is given, not copies.
 */
export const decode = (
  meta: Uint8Array,
  buffers: ReadonlyArray<Uint8Array> = NO_BUFFERS
): Decoded | ProtocolViolation => {
  try {
    const read = run(meta, buffers, undefined)
    if (read !== undefined) return read
    const maps = new Set<number>()
    const found = run(meta, buffers, { maps, origins: new Map() })
    if (found !== undefined && "_tag" in found) return found
    return run(meta, buffers, { maps, origins: undefined }) ?? broken(0, "a dict that changes its mind")
  } catch (error) {
    // The bytes were all there: a text, a Map or an integer beyond what the engine can hold.
    return broken(0, `more than this runtime can hold: ${String(error)}`)
  }
}

/** What a second reading knows: where the dicts begin that are a `Map`; and, while these are being found, where each dict began. */
interface Plan {
  readonly maps: Set<number>
  readonly origins: Map<object, number> | undefined
}

/** A global on the stack. `live` counts them, so that none gets into a value: one that does is never called. */
class Global {
  readonly extension: Extension
  readonly name: string
  constructor(name: string, extension: Extension) {
    this.name = name
    this.extension = extension
  }
}

/** The arguments of a call in the memo: a tuple that is made only if someone asks. */
class Unmade {
  readonly members: Arguments
  constructor(members: Arguments) {
    this.members = members
  }
}

const NO_BUFFERS: ReadonlyArray<Uint8Array> = []
const globals: ReadonlyMap<string, Global> = new Map(
  Array.from(extensions, ([name, extension]) => [name, new Global(name, extension)])
)

const broken = (at: number, what: string): ProtocolViolation => violation("pickle", `${what}, at byte ${at}`)
const truncated = (at: number): ProtocolViolation => broken(at, "more is claimed than is there")
const underflow = (at: number): ProtocolViolation => broken(at, "the stack has not what the opcode takes")
const mistaken = (at: number, what: string): ProtocolViolation => broken(at, `the target is no ${what}`)

type Dict = { [key: string]: unknown }

const isDict = (u: unknown): u is Dict =>
  typeof u === "object" && u !== null && Object.getPrototypeOf(u) === Object.prototype

const setKey = (dict: Dict, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(dict, key, { value, writable: true, enumerable: true, configurable: true })
  } else dict[key] = value
}

/** Whether a key such as `"1000"` would make the engine reserve all the places before it, as in an array. */
const isFar = (key: string, position: number): boolean => {
  const first = key.charCodeAt(0)
  return first >= 0x31 && first <= 0x39 && Number(key) > position + 16
}

/** Sets a far key. One that was read-only for a moment makes the engine keep such keys in a table. */
const setFarKey = (dict: Dict, key: string, value: unknown): void => {
  Object.defineProperty(dict, key, { value, writable: false, enumerable: true, configurable: true })
  Object.defineProperty(dict, key, { writable: true })
}

const readU64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32

/** One reading. `undefined`: a dict turned out to be a `Map` too late, and must be known as one from the start. */
const run = (
  meta: Uint8Array,
  buffers: ReadonlyArray<Uint8Array>,
  plan: Plan | undefined
): Decoded | ProtocolViolation | undefined => {
  const end = meta.length
  const view = new DataView(meta.buffer, meta.byteOffset, end)
  let native: Buffer | undefined
  const stack: Array<unknown> = []
  let sp = 0
  /** Where the part of the stack above the last mark begins: nothing below it can be taken. */
  let fence = 0
  const marks: Array<number> = []
  const memo: Array<unknown> = []
  /** By slot of the stack: where in the memo the dict is that was put there. */
  const memoOf: Array<number> = []
  /** Dicts that may be held elsewhere too. */
  let shared: Set<object> | undefined
  let live = 0
  let buffer = 0
  let budget = buffers.reduce((total, { length }) => total + length, end)
  const spend: Spend = (work) => (budget -= work) >= 0

  if (end < 2 || view.getUint8(0) !== PROTO || view.getUint8(1) !== PROTOCOL) {
    return broken(0, `no pickle of protocol ${PROTOCOL}`)
  }
  let at = 2
  while (at < end) {
    const start = at
    const op = view.getUint8(at++)
    switch (op) {
      case 0x8c: // SHORT_BINUNICODE
      case 0x58: // BINUNICODE
      case 0x8d: {
        // BINUNICODE8
        const width = op === 0x8c ? 1 : op === 0x58 ? 4 : 8
        if (at + width > end) return truncated(start)
        const length =
          width === 1 ? view.getUint8(at) : width === 4 ? view.getUint32(at, true) : readU64(view, at)
        at += width
        if (length > end - at) return truncated(start)
        let text = length <= Text.SHORT ? Text.readShort(view, at, length) : undefined
        if (text === undefined) {
          native ??= Buffer.from(meta.buffer, meta.byteOffset, end)
          text = Text.read(native, at, at + length)
          if (text === undefined) return broken(start, "a text that is none")
        }
        at += length
        if (at < end && view.getUint8(at) === MEMOIZE) {
          at++
          memo.push(text)
        }
        stack[sp++] = text
        break
      }
      case 0x68: // BINGET
      case 0x6a: {
        // LONG_BINGET
        const width = op === 0x68 ? 1 : 4
        if (at + width > end) return truncated(start)
        const index = width === 1 ? view.getUint8(at) : view.getUint32(at, true)
        at += width
        if (index >= memo.length) return broken(start, `the memo has no ${index}`)
        let value = memo[index]
        if (typeof value === "object" && value !== null) {
          if (value instanceof Unmade) value = memo[index] = Py.tupleOf(value.members)
          else if (value instanceof Global) live++
          else if (isDict(value)) (shared ??= new Set()).add(value)
        }
        stack[sp++] = value
        break
      }
      case 0x4b: // BININT1
        if (at >= end) return truncated(start)
        stack[sp++] = view.getUint8(at)
        at += 1
        break
      case 0x4d: // BININT2
        if (at + 2 > end) return truncated(start)
        stack[sp++] = view.getUint16(at, true)
        at += 2
        break
      case 0x4a: // BININT
        if (at + 4 > end) return truncated(start)
        stack[sp++] = view.getInt32(at, true)
        at += 4
        break
      case 0x47: // BINFLOAT
        if (at + 8 > end) return truncated(start)
        stack[sp++] = view.getFloat64(at)
        at += 8
        break
      case 0x4e: // NONE
        stack[sp++] = null
        break
      case 0x88: // NEWTRUE
        stack[sp++] = true
        break
      case 0x89: // NEWFALSE
        stack[sp++] = false
        break
      case 0x28: // MARK
        marks.push(fence)
        fence = sp
        break
      case 0x94: // MEMOIZE
      case 0x71: // BINPUT
      case 0x72: {
        // LONG_BINPUT
        const width = op === 0x94 ? 0 : op === 0x71 ? 1 : 4
        if (at + width > end) return truncated(start)
        if (sp === fence) return underflow(start)
        const index = width === 0 ? memo.length : width === 1 ? view.getUint8(at) : view.getUint32(at, true)
        at += width
        if (index > memo.length) return broken(start, `${index} leaves a hole in the memo`)
        const value = stack[sp - 1]
        if (isDict(value)) (shared ??= new Set()).add(value)
        memo[index] = value
        break
      }
      case 0x7d: {
        // EMPTY_DICT
        const dict: Dict | Map<unknown, unknown> = plan?.maps.has(start) ? new Map() : {}
        plan?.origins?.set(dict, start)
        if (at < end && view.getUint8(at) === MEMOIZE) {
          at++
          memoOf[sp] = memo.length
          memo.push(dict)
        }
        stack[sp++] = dict
        break
      }
      case 0x73: // SETITEM
      case 0x75: {
        // SETITEMS
        let from = sp - 2
        if (op === 0x75) {
          const below = marks.pop()
          if (below === undefined) return underflow(start)
          from = fence
          fence = below
        }
        if (from <= fence || (sp - from) % 2 !== 0) return underflow(start)
        const target = stack[from - 1]
        let map: Map<unknown, unknown> | undefined = target instanceof Map ? target : undefined
        if (map === undefined && !isDict(target)) return mistaken(start, "dict")
        let isSparse = false
        for (let index = from; index < sp; index += 2) {
          const key = stack[index]
          const value = stack[index + 1]
          if (map !== undefined) map.set(key, value)
          else if (!isDict(target)) break
          else if (typeof key === "string") {
            if (isSparse || !isFar(key, index - from)) setKey(target, key, value)
            else {
              isSparse = true
              setFarKey(target, key, value)
            }
          } else if (shared?.has(target)) {
            const origin = plan?.origins?.get(target)
            if (origin === undefined) return undefined
            plan?.maps.add(origin)
            break
          } else {
            map = new Map<unknown, unknown>(Object.entries(target)).set(key, value)
            const slot = memoOf[from - 1]
            if (slot !== undefined && memo[slot] === target) memo[slot] = map
            stack[from - 1] = map
          }
        }
        sp = from
        break
      }
      case 0x64: {
        // DICT
        const below = marks.pop()
        if (below === undefined || (sp - fence) % 2 !== 0) return underflow(start)
        let isMap = plan?.maps.has(start) ?? false
        for (let index = fence; index < sp; index += 2) isMap ||= typeof stack[index] !== "string"
        const map = new Map<unknown, unknown>()
        const dict: Dict = {}
        for (let index = fence; index < sp; index += 2) {
          const key = stack[index]
          if (isMap) map.set(key, stack[index + 1])
          else if (typeof key === "string") {
            if (isFar(key, 0)) setFarKey(dict, key, stack[index + 1])
            else setKey(dict, key, stack[index + 1])
          }
        }
        const made = isMap ? map : dict
        plan?.origins?.set(made, start)
        sp = fence
        fence = below
        stack[sp++] = made
        break
      }
      case 0x5d: // EMPTY_LIST
        stack[sp++] = []
        break
      case 0x61: // APPEND
      case 0x65: {
        // APPENDS
        let from = sp - 1
        if (op === 0x65) {
          const below = marks.pop()
          if (below === undefined) return underflow(start)
          from = fence
          fence = below
        }
        if (from <= fence) return underflow(start)
        const target = stack[from - 1]
        if (!Array.isArray(target) || Py.isTuple(target)) return mistaken(start, "list")
        for (let index = from; index < sp; index++) target.push(stack[index])
        sp = from
        break
      }
      case 0x6c: {
        // LIST
        const below = marks.pop()
        if (below === undefined) return underflow(start)
        const list = stack.slice(fence, sp)
        sp = fence
        fence = below
        stack[sp++] = list
        break
      }
      case 0x29: // EMPTY_TUPLE
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
      case 0x74: {
        // TUPLE
        let from = sp - (op === 0x29 ? 0 : op - 0x84)
        if (op === 0x74) {
          const below = marks.pop()
          if (below === undefined) return underflow(start)
          from = fence
          fence = below
        }
        if (from < fence) return underflow(start)
        const isMemoized = at < end && view.getUint8(at) === MEMOIZE
        const next = isMemoized ? at + 1 : at
        if (next < end && view.getUint8(next) === REDUCE) {
          // The arguments of a call: no tuple is made.
          const callable = from > fence ? stack[from - 1] : undefined
          if (!(callable instanceof Global)) return broken(start, "a call of what is no global")
          const args = stack.slice(from, sp)
          if (isMemoized) memo.push(new Unmade(args))
          const value = call(callable, args, spend)
          if (value === undefined) return refused(start, callable)
          live--
          at = next + 1
          stack[from - 1] = value
          sp = from
          break
        }
        const tuple = Py.tupleSlice(stack, from, sp)
        sp = from
        stack[sp++] = tuple
        break
      }
      case 0x52: {
        // REDUCE
        if (sp - 2 < fence) return underflow(start)
        const callable = stack[sp - 2]
        const args = stack[sp - 1]
        if (!(callable instanceof Global)) return broken(start, "a call of what is no global")
        if (!Py.isTuple(args)) return broken(start, "a call without a tuple")
        const value = call(callable, args, spend)
        if (value === undefined) return refused(start, callable)
        live--
        sp -= 1
        stack[sp - 1] = value
        break
      }
      case 0x93: {
        // STACK_GLOBAL
        if (sp - 2 < fence) return underflow(start)
        const module = stack[sp - 2]
        const name = stack[sp - 1]
        const global = module === EXTENSIONS && typeof name === "string" ? globals.get(name) : undefined
        if (global === undefined) return broken(start, "a global that is not in the table")
        live++
        sp -= 1
        stack[sp - 1] = global
        break
      }
      case 0x8f: // EMPTY_SET
        stack[sp++] = new Set()
        break
      case 0x90: {
        // ADDITEMS
        const below = marks.pop()
        if (below === undefined) return underflow(start)
        const from = fence
        fence = below
        if (from <= fence) return underflow(start)
        const target = stack[from - 1]
        if (!(target instanceof Set)) return mistaken(start, "set")
        for (let index = from; index < sp; index++) target.add(stack[index])
        sp = from
        break
      }
      case 0x91: {
        // FROZENSET
        const below = marks.pop()
        if (below === undefined) return underflow(start)
        const members = new Set<unknown>()
        for (let index = fence; index < sp; index++) members.add(stack[index])
        sp = fence
        fence = below
        stack[sp++] = new Py.FrozenSet(members)
        break
      }
      case 0x8a: // LONG1
      case 0x8b: {
        // LONG4
        const width = op === 0x8a ? 1 : 4
        if (at + width > end) return truncated(start)
        const length = width === 1 ? view.getUint8(at) : view.getInt32(at, true)
        at += width
        if (length < 0 || length > end - at) return truncated(start)
        stack[sp++] = readInteger(view, at, length)
        at += length
        break
      }
      case 0x43: // SHORT_BINBYTES
      case 0x42: // BINBYTES
      case 0x8e: // BINBYTES8
      case 0x96: {
        // BYTEARRAY8
        const width = op === 0x43 ? 1 : op === 0x42 ? 4 : 8
        if (at + width > end) return truncated(start)
        const length =
          width === 1 ? view.getUint8(at) : width === 4 ? view.getUint32(at, true) : readU64(view, at)
        at += width
        if (length > end - at) return truncated(start)
        const bytes = new Uint8Array(meta.buffer, meta.byteOffset + at, length)
        stack[sp++] = op === 0x96 ? new Py.ByteArray(bytes) : bytes
        at += length
        break
      }
      case 0x97: {
        // NEXT_BUFFER
        const next = buffers[buffer++]
        if (next === undefined) return broken(start, "a buffer that did not come")
        stack[sp++] = new Uint8Array(next.buffer, next.byteOffset, next.length)
        break
      }
      case 0x98: // READONLY_BUFFER
        if (sp === fence) return underflow(start)
        if (!(stack[sp - 1] instanceof Uint8Array)) return mistaken(start, "buffer")
        break
      case 0x30: // POP
      case 0x31: {
        // POP_MARK
        if (op === 0x30 && sp > fence) {
          if (stack[--sp] instanceof Global) live--
          break
        }
        // A POP right after a MARK takes the mark.
        const below = marks.pop()
        if (below === undefined) return underflow(start)
        for (let index = fence; index < sp; index++) if (stack[index] instanceof Global) live--
        sp = fence
        fence = below
        break
      }
      case 0x95: // FRAME
        if (at + 8 > end) return truncated(start)
        if (readU64(view, at) > end - at - 8) return truncated(start)
        at += 8
        break
      case 0x2e: // STOP
        if (sp !== 1 || marks.length > 0) return broken(start, "not one value")
        if (at !== end) return broken(start, `${end - at} bytes after the end`)
        if (buffer !== buffers.length) return broken(start, `${buffers.length - buffer} buffers not used`)
        if (live !== 0) return broken(start, "a global that is not called")
        return { value: stack[0] }
      default:
        return broken(start, `opcode 0x${op.toString(16).padStart(2, "0")}`)
    }
  }
  return truncated(end)
}

const call = (global: Global, args: Arguments, spend: Spend): unknown =>
  args.length === global.extension.arity ? global.extension.make(args, spend) : undefined

const refused = (at: number, global: Global): ProtocolViolation =>
  broken(at, `${EXTENSIONS}.${global.name} does not take these arguments`)
