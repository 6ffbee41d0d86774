/**
 * Compares what is described by `PythonModule` with what Python has, as READY tells it, and says all that does not match. What cannot be
 * known of Python without a call (a built-in function, a method that each object sets for itself) matches.
 */
import * as SchemaAST from "effect/SchemaAST"
import { StartError } from "../CallError.ts"
import type { Mismatch } from "../CallError.ts"
import { closest } from "../internal/closest.ts"
import type { Described, Parameter, Signature } from "../protocol/Export.ts"
import type { Ready } from "../protocol/Message.ts"
import type { Fn, PythonModule, SessionClass, StreamFn } from "../PythonModule.ts"
import * as Annotation from "./Annotation.ts"
import * as Render from "./Render.ts"

type Member = Fn | StreamFn | SessionClass

/** The targets that Python is asked about. */
export const targets = (modules: ReadonlyArray<PythonModule>): ReadonlyArray<string> =>
  all(modules).map(({ target }) => target)

/** The error of a worker that does not have what is described; `undefined` if it has. */
export const refusal = (
  modules: ReadonlyArray<PythonModule>,
  ready: Ready,
  { interpreter, strict }: { readonly interpreter: string; readonly strict: boolean }
): StartError | undefined => {
  const exposed = strict ? new Set(Object.values(ready.exports).map(({ target }) => target)) : undefined
  const mismatches = all(modules).flatMap(({ described, isMethod, name, target }) => {
    const python = ready.described[target]
    const hidden = exposed !== undefined && !isMethod && !exposed.has(target)
    const problems = [
      ...(python === undefined ? [] : compare(described, python, isMethod)),
      ...(hidden ? ["it is not exposed, and the pool is strict: put @fireweed.expose on it"] : [])
    ]
    return problems.length === 0 ? [] : [mismatch(target, name, described, python, problems)]
  })
  if (mismatches.length === 0) return undefined
  return new StartError({
    reason: "signature",
    interpreter,
    detail:
      mismatches.length === 1
        ? "what is described of 1 target is not what Python has"
        : `what is described of ${mismatches.length} targets is not what Python has`,
    stderr: "",
    mismatches
  })
}

const mismatch = (
  target: string,
  name: string,
  described: Member,
  python: Described | undefined,
  problems: ReadonlyArray<string>
): Mismatch => ({
  target,
  described: Render.described(name, described),
  python: python === undefined ? "not known" : Render.python(name, python),
  problems
})

/** All that is described, the methods behind their class. */
const all = (modules: ReadonlyArray<PythonModule>) =>
  modules.flatMap((module) =>
    Object.entries(module.members).flatMap(([name, described]) => [
      { target: `${module.name}:${name}`, name, described, isMethod: false },
      ...(described._tag === "Session" ? Object.entries(described.methods) : []).map(
        ([method, described]) => ({
          target: `${module.name}:${name}.${method}`,
          name: method,
          described,
          isMethod: true
        })
      )
    ])
  )

/** What does not match, one line each. */
const compare = (described: Member, python: Described, isMethod: boolean): ReadonlyArray<string> => {
  if (python.kind === "absent") {
    const close = python.close.length === 0 ? "" : `; is it ${either(python.close)}?`
    return [
      `Python has no such ${isMethod ? "method" : described._tag === "Session" ? "class" : "function"}${close}`
    ]
  }
  if (python.kind === "value") return [`in Python it is no function, but a value of type ${python.type}`]
  const kind = compareKinds(described, python)
  // Of something else altogether the parameters would say nothing more.
  return kind === undefined
    ? [...compareParameters(described, python), ...compareResults(described, python)]
    : [kind]
}

const compareKinds = (described: Member, { kind }: Signature): string | undefined => {
  const generates = kind === "generator" || kind === "async-generator"
  if (described._tag === "Fn" && generates)
    return "it is a generator in Python: describe it by PythonModule.stream"
  if (described._tag === "Session" && kind !== "class")
    return "it is no class in Python, and a session is made of a class: describe it by PythonModule.fn or stream"
  return undefined
}

const compareParameters = (described: Member, { params }: Signature): ReadonlyArray<string> => {
  const { args = {}, positional } = described
  const byName = new Map(params.filter(isNamed).map((param) => [param.name, param]))
  const takesMore = params.some(({ kind }) => kind === "var-positional")
  const takesAnyName = params.some(({ kind }) => kind === "var-keyword")
  const inOrder = params.filter(({ kind }) => kind === "positional-only" || kind === "positional-or-keyword")

  const ofArgs = Object.entries(args).flatMap(([name, schema]) => {
    const param = byName.get(name)
    const index = positional.indexOf(name)
    if (param === undefined) {
      if (index >= 0 ? takesMore && index >= inOrder.length : takesAnyName) return []
      const close = closest(name, byName.keys())
      return [`Python has no parameter "${name}"${close.length === 0 ? "" : `; is it ${either(close)}?`}`]
    }
    return [
      ...compareWays(param, index, inOrder),
      ...(SchemaAST.isOptional(schema.ast) && !param.default
        ? [`"${name}" may be left out here, and not in Python`]
        : []),
      ...(param.annotation !== undefined && Annotation.contradicts(param.annotation, schema.ast)
        ? [`"${name}" is ${Render.schema(schema.ast)} here, and ${param.annotation} in Python`]
        : [])
    ]
  })
  const lacking = [...byName.values()].filter(
    ({ default: optional, name }) => !optional && !Object.hasOwn(args, name)
  )
  return [...ofArgs, ...lacking.map(({ name }) => `Python requires "${name}", which is not described`)]
}

const isNamed = ({ kind }: Parameter): boolean => kind !== "var-positional" && kind !== "var-keyword"

/** By name or by position; `index` is its place in `positional`, -1 if it is not there. */
const compareWays = (
  { kind, name }: Parameter,
  index: number,
  inOrder: ReadonlyArray<Parameter>
): ReadonlyArray<string> => {
  if (index < 0)
    return kind === "positional-only"
      ? [`Python takes "${name}" by position alone: put it into positional`]
      : []
  if (kind === "keyword-only") return [`Python takes "${name}" by name alone: take it out of positional`]
  const place = inOrder.findIndex((param) => param.name === name)
  return place === index
    ? []
    : [`"${name}" is number ${index + 1} in positional, and number ${place + 1} in Python`]
}

const compareResults = (described: Member, { kind, returns }: Signature): ReadonlyArray<string> => {
  if (returns === undefined || described._tag === "Session" || kind === "class") return []
  if (described._tag === "Fn") {
    const { success } = described
    return success !== undefined && Annotation.contradicts(returns, success.ast)
      ? [`it gives ${Render.schema(success.ast)} here, and ${returns} in Python`]
      : []
  }
  const { item } = described
  const generates = kind === "generator" || kind === "async-generator"
  if (!generates && Annotation.isNoIterator(returns))
    return [`it gives ${returns} in Python, which is no iterator: describe it by PythonModule.fn`]
  return item !== undefined && Annotation.itemContradicts(returns, item.ast)
    ? [`it yields ${Render.schema(item.ast)} here, and gives ${returns} in Python`]
    : []
}

const either = (names: ReadonlyArray<string>): string => names.map((name) => `"${name}"`).join(" or ")
