/** How errors are printed. */
import { NodeInspectSymbol } from "effect/Inspectable"

/**
 * A class of errors whose instances are printed by `console.log` and `util.inspect`, of Node and of Deno, as their stack and what a program decides
 * by. Effect's own errors are printed as their fields, without a message.
 */
export const printed = <Class extends { readonly prototype: Told }>(errors: Class): Class =>
  printedBy(
    errors,
    ({ reason, stack, started }: Told) => `${stack} { reason: '${reason}', started: '${started}' }`
  )

/** The same for errors that are printed as that text. */
export const printedBy = <E extends Error, Class extends { readonly prototype: E }>(
  errors: Class,
  text: (error: E) => string
): Class => {
  Object.defineProperty(errors.prototype, NodeInspectSymbol, {
    configurable: true,
    value(this: E): string {
      return text(this)
    }
  })
  return errors
}

interface Told extends Error {
  readonly reason: string
  readonly started: string
}

/**
 * The property `stack` of errors that were made in Python: the message, and the text that says where. It is put together when it is read, which most
 * are not.
 */
export const stackOf = <E extends Error>(text: (error: E) => string): PropertyDescriptor & ThisType<E> => ({
  configurable: true,
  get() {
    return `${this.name}: ${this.message}\n${text(this)}`
  },
  set(value: unknown) {
    Object.defineProperty(this, "stack", { configurable: true, writable: true, value })
  }
})
