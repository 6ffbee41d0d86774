/** What the tests of the pickle codec test. */
export * as Py from "../../../src/Py.ts"
export { decode } from "../../../src/protocol/pickle/decode.ts"
export { encode } from "../../../src/protocol/pickle/encode.ts"
export { extensions } from "../../../src/protocol/pickle/extensions.ts"
export * as Op from "../../../src/protocol/pickle/opcodes.ts"
export type { EncodeRefusal } from "../../../src/protocol/Json.ts"
