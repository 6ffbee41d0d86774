/** What a map is made over, taken as its chunks need it: an iterable or a stream, which may be without end. */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** What a map is made over. */
export type Source<E = never, R = never> = Iterable<unknown> | Stream.Stream<unknown, E, R>

/**
 * Takes as many items as asked for; fewer at the end, or if a stream has no more at the moment; none after the end. An iterator that throws is a
 * defect, after the items before it.
 */
export type Take<E> = (most: number) => Effect.Effect<ReadonlyArray<unknown>, E>

/** Begins to read. What is left when the scope ends is told so: `return()` of an iterator, the finalizers of a stream. */
export const open = <E = never, R = never>(
  source: Source<E, R>
): Effect.Effect<Take<E>, never, R | Scope.Scope> =>
  Stream.isStream(source) ? Effect.flatMap(Stream.toPull(source), fromPull) : fromIterable(source)

/** Another source of what a function makes of the items, each when it is taken. */
export const map = <E = never, R = never>(
  source: Source<E, R>,
  f: (item: unknown) => unknown
): Source<E, R> =>
  Stream.isStream(source)
    ? Stream.map(source, f)
    : {
        *[Symbol.iterator]() {
          for (const item of source) yield f(item)
        }
      }

const fromIterable = (items: Iterable<unknown>): Effect.Effect<Take<never>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const iterator = items[Symbol.iterator]()
    // Nothing more is asked of it: it has ended, or thrown this.
    let over = false
    let thrown: { readonly error: unknown } | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => (over ? undefined : iterator.return?.())))
    return (most) =>
      Effect.suspend(() => {
        const taken: Array<unknown> = []
        try {
          while (!over && taken.length < most) {
            const step = iterator.next()
            if (step.done === true) over = true
            else taken.push(step.value)
          }
        } catch (error) {
          over = true
          thrown = { error }
        }
        return thrown !== undefined && taken.length === 0 ? Effect.die(thrown.error) : Effect.succeed(taken)
      })
  })

/**
 * What comes at once is taken together, however a stream cuts it: it is read on until there is as much as was asked for last. What
 * has come by then is given when it would have to wait.
 */
const fromPull = <E>(
  pull: Pull.Pull<Arr.NonEmptyReadonlyArray<unknown>, E>
): Effect.Effect<Take<E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    // Of these, those from `at` on are still to be taken; then comes `end`.
    let items: Array<unknown> = []
    let at = 0
    let end: Effect.Effect<ReadonlyArray<unknown>, E> | undefined
    let reading = false
    let wake: (() => void) | undefined

    const add = (more: ReadonlyArray<unknown>): void => {
      if (at > items.length / 2) {
        items = items.slice(at)
        at = 0
      }
      for (const item of more) items.push(item)
      wake?.()
    }
    const read = (most: number): Effect.Effect<void> =>
      Effect.onExit(
        Effect.whileLoop({ while: () => items.length - at < most, body: () => pull, step: add }),
        (exit) =>
          Effect.sync(() => {
            reading = false
            if (Exit.isFailure(exit))
              end = Pull.catchDone(Effect.failCause(exit.cause), () => Effect.succeed([]))
            wake?.()
          })
      ).pipe(Effect.ignoreCause)

    const take: Take<E> = (most) =>
      Effect.suspend(() => {
        if (reading || end !== undefined || items.length - at >= most) return given(most)
        reading = true
        return Effect.andThen(Effect.forkIn(read(most), scope, { startImmediately: true }), given(most))
      })
    const given: Take<E> = (most) =>
      Effect.suspend(() => {
        if (at < items.length) {
          const taken = items.slice(at, at + most)
          at += taken.length
          return Effect.succeed(taken)
        }
        if (end !== undefined) return end
        return Effect.callback<ReadonlyArray<unknown>, E>((resume) => {
          wake = () => resume(given(most))
          return Effect.sync(() => {
            wake = undefined
          })
        })
      })
    return take
  })
