/** Signatures for people: those that are described, as TypeScript has them, and those of Python. */
import * as SchemaAST from "effect/SchemaAST"
import type { Described, Parameter } from "../protocol/Export.ts"
import type { Fn, SessionClass, StreamFn } from "../PythonModule.ts"

/** What is described. */
export const described = (name: string, member: Fn | StreamFn | SessionClass): string => {
  const { args = {}, positional } = member
  const all = Object.entries(args).map(([arg, { ast }]) => `${arg}${mark(ast)}: ${schema(ast)}`)
  const ordered = positional.length === 0 ? "" : `, positional: ${positional.join(", ")}`
  return `${name}(${all.length === 0 ? "" : `{ ${all.join(", ")} }`})${gives(member)}${ordered}`
}

const gives = (member: Fn | StreamFn | SessionClass): string => {
  switch (member._tag) {
    case "Fn":
      return member.success === undefined ? "" : `: ${schema(member.success.ast)}`
    case "Stream":
      return `: Stream<${member.item === undefined ? "unknown" : schema(member.item.ast)}>`
    case "Session":
      return ": session"
  }
}

/** What Python has. */
export const python = (name: string, found: Described): string => {
  switch (found.kind) {
    case "absent":
      return "nothing of that name"
    case "value":
      return `${name}: ${found.type}`
    default: {
      const returns = found.returns === undefined || found.kind === "class" ? "" : ` -> ${found.returns}`
      return `${KEYWORDS[found.kind]} ${name}(${parameters(found.params)})${returns}`
    }
  }
}

const KEYWORDS = {
  function: "def",
  generator: "generator def",
  async: "async def",
  "async-generator": "async generator def",
  class: "class"
}

const parameters = (params: ReadonlyArray<Parameter>): string => {
  const shown: Array<string> = []
  for (const [index, param] of params.entries()) {
    const before = params[index - 1]?.kind
    const stars = before === "keyword-only" || before === "var-positional"
    if (param.kind === "keyword-only" && !stars) shown.push("*")
    shown.push(parameter(param))
    if (param.kind === "positional-only" && params[index + 1]?.kind !== "positional-only") shown.push("/")
  }
  return shown.join(", ")
}

const parameter = ({ annotation, default: optional, kind, name }: Parameter): string => {
  const star = kind === "var-positional" ? "*" : kind === "var-keyword" ? "**" : ""
  const typed = annotation === undefined ? name : `${name}: ${annotation}`
  return `${star}${typed}${optional ? (annotation === undefined ? "=..." : " = ...") : ""}`
}

const mark = (ast: SchemaAST.AST): string => (SchemaAST.isOptional(ast) ? "?" : "")

/** A schema, as it is sent. */
export const schema = (ast: SchemaAST.AST): string => type(SchemaAST.toEncoded(ast), 0)

/** Deeper than this, only that there is more. */
const DEPTH = 3

const type = (ast: SchemaAST.AST, depth: number): string => {
  if (depth > DEPTH) return "..."
  switch (ast._tag) {
    case "Literal":
      return typeof ast.literal === "bigint" ? `${ast.literal}n` : JSON.stringify(ast.literal)
    case "Arrays": {
      const elements = ast.elements.map((element) => type(element, depth + 1))
      const [rest] = ast.rest
      if (rest === undefined) return `[${elements.join(", ")}]`
      const item = type(rest, depth + 1)
      return elements.length === 0 ? `Array<${item}>` : `[${elements.join(", ")}, ...Array<${item}>]`
    }
    case "Objects": {
      const fields = ast.propertySignatures.map(
        ({ name, type: field }) => `${String(name)}${mark(field)}: ${type(field, depth + 1)}`
      )
      const records = ast.indexSignatures.map(
        ({ parameter, type: value }) => `[${type(parameter, depth + 1)}]: ${type(value, depth + 1)}`
      )
      const all = [...fields, ...records]
      return all.length === 0 ? "{}" : `{ ${all.join(", ")} }`
    }
    case "Union":
      return ast.types
        .filter(({ _tag }) => _tag !== "Undefined")
        .map((member) => type(member, depth))
        .join(" | ")
    case "Declaration":
      return typeof ast.annotations?.["identifier"] === "string" ? ast.annotations["identifier"] : "a class"
    case "Suspend":
      return "..."
    default:
      return ast._tag.toLowerCase()
  }
}
