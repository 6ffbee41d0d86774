/**
 * Whether the annotation of a Python signature and a schema contradict each other. Both are read as far as they are plain; what is not (a
 * class, a `TypeVar`, an alias) may be anything, and contradicts nothing.
 */
import * as SchemaAST from "effect/SchemaAST"

/** One plain type of Python's. */
interface Plain {
  readonly name: "str" | "bytes" | "int" | "float" | "bool" | "None" | "list" | "dict" | "iterator"
  /** What is in a list, or comes from an iterator. */
  readonly item?: Type | undefined
}

/** The types that a value may have; `undefined` if it may have any. */
type Type = ReadonlyArray<Plain> | undefined

/** Whether no value that the schema sends or accepts can have that type. */
export const contradicts = (annotation: string, schema: SchemaAST.AST): boolean =>
  !meet(read(annotation), ofSchema(SchemaAST.toEncoded(schema)))

/** Whether what is annotated so is no iterator. */
export const isNoIterator = (annotation: string): boolean =>
  read(annotation)?.every(({ name }) => name !== "iterator") ?? false

/** Whether no item of what is annotated so can be what the schema accepts. */
export const itemContradicts = (annotation: string, schema: SchemaAST.AST): boolean => {
  const iterators = read(annotation)?.filter(({ name }) => name === "iterator") ?? []
  return (
    iterators.length > 0 && iterators.every(({ item }) => !meet(item, ofSchema(SchemaAST.toEncoded(schema))))
  )
}

const meet = (a: Type, b: Type): boolean =>
  a === undefined ||
  b === undefined ||
  a.some((one) => b.some((other) => one.name === other.name && meet(one.item, other.item)))

const plain = (...names: ReadonlyArray<Plain["name"]>): Type => names.map((name) => ({ name }))

/** All of them together. */
const union = (types: ReadonlyArray<Type>): Type =>
  types.reduce((all, type) => (all === undefined || type === undefined ? undefined : [...all, ...type]), [])

// -------------------------------------------------------------------- schemas

/** What Python sees of a value: whole numbers are `int` or `float`, and `bool` is an `int`. */
const ofSchema = (ast: SchemaAST.AST): Type => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return plain("str")
    case "Number":
    case "BigInt":
      return plain("int", "float")
    case "Boolean":
      return plain("bool", "int")
    case "Null":
      return plain("None")
    case "Literal":
      return ofLiteral(ast.literal)
    case "Enum":
      return union(ast.enums.map(([, value]) => ofLiteral(value)))
    case "Arrays": {
      const items = [...ast.elements, ...ast.rest]
      return [{ name: "list", item: items.length === 0 ? undefined : union(items.map(ofSchema)) }]
    }
    case "Objects":
      return plain("dict")
    case "Union":
      // `undefined` stands for what is left out.
      return union(ast.types.filter(({ _tag }) => _tag !== "Undefined").map(ofSchema))
    default:
      return undefined
  }
}

const ofLiteral = (value: SchemaAST.LiteralValue): Type =>
  typeof value === "string"
    ? plain("str")
    : typeof value === "boolean"
      ? plain("bool", "int")
      : plain("int", "float")

// -------------------------------------------------------------------- annotations

const NAMES: { readonly [name: string]: Plain["name"] } = {
  str: "str",
  Text: "str",
  bytes: "bytes",
  bytearray: "bytes",
  int: "int",
  float: "float",
  bool: "bool",
  None: "None",
  NoneType: "None",
  list: "list",
  List: "list",
  tuple: "list",
  Tuple: "list",
  dict: "dict",
  Dict: "dict",
  Mapping: "dict",
  MutableMapping: "dict",
  Iterator: "iterator",
  Generator: "iterator",
  AsyncIterator: "iterator",
  AsyncGenerator: "iterator"
}

/** Modules whose names are looked up in the table; the same name of another means something else. */
const MODULES = new Set(["", "typing.", "t.", "collections.abc.", "abc.", "builtins."])

/** Reads an annotation; `undefined` for all that is not plain. */
const read = (text: string): Type => {
  // A forward reference is an annotation in quotes.
  const tokens = text.replaceAll(/["']/g, "").match(/[\w.]+|\S/g) ?? []
  let at = 0

  const alternatives = (): Type => {
    const types = [single()]
    while (tokens[at] === "|") {
      at++
      types.push(single())
    }
    return union(types)
  }

  const single = (): Type => {
    const name = tokens[at++] ?? ""
    const args = tokens[at] === "[" ? bracket() : []
    const dot = name.lastIndexOf(".") + 1
    return MODULES.has(name.slice(0, dot)) ? named(name.slice(dot), args) : undefined
  }

  const bracket = (): ReadonlyArray<Type> => {
    const args: Array<Type> = []
    do {
      at++
      // An empty tuple, or the parameters of a `Callable`.
      if (tokens[at] === "]") break
      args.push(alternatives())
    } while (tokens[at] === ",")
    if (tokens[at] === "]") at++
    return args
  }

  const type = alternatives()
  return at === tokens.length ? type : undefined
}

const named = (name: string, args: ReadonlyArray<Type>): Type => {
  if (name === "Optional") return union([args[0], plain("None")])
  if (name === "Union") return args.length === 0 ? undefined : union(args)
  if (name === "Annotated") return args[0]
  const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (known === undefined) return undefined
  // A tuple has several, the last of which may be `...`.
  if (known === "list") return [{ name: known, item: args.length === 0 ? undefined : union(args) }]
  return [{ name: known, item: known === "iterator" ? args[0] : undefined }]
}
