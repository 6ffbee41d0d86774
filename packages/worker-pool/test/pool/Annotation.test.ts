import { assert, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Annotation from "../../src/pool/Annotation.ts"

const contradicts = (annotation: string, schema: Schema.Top) => Annotation.contradicts(annotation, schema.ast)

it("plain types contradict each other", () => {
  const rows: ReadonlyArray<
    readonly [Schema.Top, agrees: ReadonlyArray<string>, not: ReadonlyArray<string>]
  > = [
    [
      Schema.String,
      ["str", "'str'", "Optional[str]", "int | str"],
      ["int", "bytes", "list[str]", "None", "dict"]
    ],
    [Schema.Int, ["int", "float", "builtins.int"], ["str", "bool", "Optional[str]", "List[int]"]],
    [Schema.BigInt, ["int"], ["str"]],
    [Schema.Boolean, ["bool", "int"], ["str", "float", "Union[str, float]"]],
    [Schema.Null, ["None", "Optional[int]"], ["int"]],
    [Schema.NullOr(Schema.String), ["str", "None", "str | None"], ["int", "list"]],
    [Schema.Literals(["a", "b"]), ["str"], ["int"]],
    [
      Schema.Array(Schema.Int),
      ["list", "list[int]", "typing.List[float]", "tuple[int, ...]"],
      ["str", "List[str]"]
    ],
    [Schema.Tuple([Schema.Int, Schema.String]), ["Tuple[int, str]", "list[str]"], ["tuple[bytes, None]"]],
    [
      Schema.Struct({ a: Schema.Int }),
      ["dict", "Dict[str, int]", "Mapping[str, Any]"],
      ["str", "list[dict]"]
    ],
    [Schema.Record(Schema.String, Schema.Int), ["dict[str, int]"], ["int"]],
    [Schema.FiniteFromString, ["str"], ["int"]]
  ]
  for (const [schema, agrees, not] of rows) {
    for (const annotation of agrees) assert.isFalse(contradicts(annotation, schema), annotation)
    for (const annotation of not) assert.isTrue(contradicts(annotation, schema), annotation)
  }
})

it("what is not plain contradicts nothing", () => {
  const annotations = [
    "Any",
    "object",
    "T",
    "Row",
    "app.str",
    "np.ndarray",
    "Sequence[int]",
    "Iterable[str]",
    "Callable[[int], str]",
    "Union[int, Callable[[int], str]]",
    "Literal['a', 'b[']",
    "list[Row]",
    "tuple[()]",
    "int or str",
    "",
    "[",
    "Optional",
    "Union[]",
    "3",
    "Optional[Row]"
  ]
  for (const annotation of annotations) {
    const schema =
      annotation.startsWith("list") || annotation.startsWith("tuple")
        ? Schema.Array(Schema.String)
        : Schema.String
    assert.isFalse(contradicts(annotation, schema), annotation)
  }
  const Node: Schema.Codec<unknown> = Schema.suspend(() => Node)
  for (const schema of [Schema.Unknown, Schema.Uint8Array, Schema.Date, Schema.Void, Node])
    assert.isFalse(contradicts("int", schema))
})

it("iterators are looked into", () => {
  for (const annotation of [
    "Iterator[str]",
    "typing.Generator[str, None, int]",
    "AsyncIterator[str]",
    "collections.abc.AsyncGenerator[str, None]"
  ]) {
    assert.isFalse(Annotation.isNoIterator(annotation))
    assert.isFalse(Annotation.itemContradicts(annotation, Schema.String.ast))
    assert.isTrue(Annotation.itemContradicts(annotation, Schema.Int.ast))
    assert.isTrue(contradicts(annotation, Schema.Array(Schema.String)))
  }
  for (const annotation of ["list[str]", "int", "None"]) assert.isTrue(Annotation.isNoIterator(annotation))
  for (const annotation of ["Iterable[str]", "map", "Row"]) {
    assert.isFalse(Annotation.isNoIterator(annotation))
    assert.isFalse(Annotation.itemContradicts(annotation, Schema.Int.ast))
  }
})
