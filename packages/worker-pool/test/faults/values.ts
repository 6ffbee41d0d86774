/** Results, and arguments, that are hard to carry: they arrive as they are, or are refused with the path to what cannot be carried. */
import * as Effect from "effect/Effect"
import type { Act, Fault, Pattern, Section } from "./Fault.ts"
import { call, either, evaluate, exec, exited, invalid, nothing, value } from "./Fault.ts"

const gives = (name: string, source: string, expected: unknown): Fault => ({
  name,
  act: evaluate(source),
  expected: value(expected),
  reuse: "reused"
})

/** There, and back: the same type, and equal. */
const returns = (source: string): Fault => ({
  name: `there and back: ${source}`,
  act: (pool) => Effect.flatMap(evaluate(source)(pool), (it) => call("faults:same", [source, it])(pool)),
  expected: value(true),
  reuse: "reused"
})

const refuses = (name: string, act: Act, detail: Pattern): Fault => ({
  name,
  act,
  expected: invalid("result", detail),
  reuse: "reused"
})

const small = { maxFrame: 100_000 }

const ring = (it: unknown): boolean => Array.isArray(it) && it[0] === 1 && it[1] === it
const twins = (it: unknown): boolean => Array.isArray(it) && it.length === 2 && it[0] === it[1]
const nested =
  (depth: number) =>
  (it: unknown): boolean => {
    let inner = it
    let seen = 0
    for (; Array.isArray(inner) && inner.length === 1; seen++) inner = inner[0]
    return seen === depth
  }

export const values: Section<Fault> = {
  name: "values",
  faults: [
    gives("NaN", "float('nan')", Number.NaN),
    gives("infinity", "1e400", Number.POSITIVE_INFINITY),
    gives("minus infinity", "-1e400", Number.NEGATIVE_INFINITY),
    gives("minus zero", "-0.0", -0),
    gives("the smallest number", "5e-324", 5e-324),
    gives("2 ** 53 + 1", "2 ** 53 + 1", 2n ** 53n + 1n),
    gives("2 ** 70 and its opposite", "[2 ** 70, -2 ** 70]", [2n ** 70n, -(2n ** 70n)]),
    gives("a number of 100,000 bits", "(1 << 100_000) - 1", (1n << 100_000n) - 1n),
    gives("a lone surrogate", String.raw`"a\ud800b"`, "a\ud800b"),
    gives("a lone surrogate in a key", String.raw`{"\udfff": 1}`, { "\udfff": 1 }),
    gives("NUL in text", String.raw`"a\0b"`, "a\0b"),
    gives("text of all planes", String.raw`"\x7f\u0800\uffff\U0010ffff"`, "\u007f\u0800\uffff\u{10ffff}"),
    gives("a list 300 deep", "deep(300)", nested(300)),
    {
      name: "a list 100,000 deep",
      act: evaluate("deep(100_000)"),
      expected: either(invalid("result", /deep|recurs/i), value(nested(100_000))),
      reuse: "reused"
    },
    gives("a list that has itself", "cycle()", ring),
    gives("a list that has another twice", "shared()", twins),
    refuses("a socket", evaluate("socket.socket()"), /result.*socket/),
    refuses("a lambda in a dict", evaluate("{'rows': [1, lambda: 1]}"), /result\['rows'\]\[1\].*function/),
    refuses("a module", evaluate("[sys]"), /result\[0\].*module/),
    refuses("a class", evaluate("(1, int)"), /result\[1\].*type/),
    refuses("a generator in a dict", evaluate("{'g': (x for x in 'ab')}"), /result\['g'\].*generator/),
    refuses("an open file", evaluate("[open(os.devnull)]"), /result\[0\].*TextIOWrapper/),
    refuses("a lock", evaluate("threading.Lock()"), /lock/),
    refuses("an exception", evaluate("ValueError('x')"), /ValueError/),
    gives(
      "keys that are no text",
      "{1: 'one', (1, 2): 'pair', None: 'none'}",
      (it: unknown) => it instanceof Map && it.size === 3 && it.get(1) === "one" && it.get(null) === "none"
    ),
    gives(
      "keys that mean something to JavaScript",
      "{'__proto__': {'polluted': 1}, 'constructor': 2}",
      (it: unknown) =>
        typeof it === "object" &&
        it !== null &&
        Object.hasOwn(it, "__proto__") &&
        Reflect.get(it, "constructor") === 2 &&
        !("polluted" in it) &&
        !("polluted" in {})
    ),
    ...[
      "{1, 2, 'x'}",
      "frozenset([1, 2])",
      "(1, (2, ()))",
      "bytearray(b'abc')",
      "b'\\0\\xff' * 100",
      "__import__('collections').OrderedDict(b=1, a=2)",
      "__import__('collections').Counter('abracadabra')",
      "__import__('collections').deque([1, 2], 5)",
      "__import__('array').array('d', [1.5, -0.0])",
      "__import__('datetime').datetime(2024, 2, 29, 12, 30, 15, 999999)",
      "__import__('datetime').datetime(2024, 1, 1, tzinfo=__import__('datetime').timezone.utc)",
      "__import__('datetime').timedelta(-1, 2, 3)",
      "__import__('decimal').Decimal('NaN')",
      "__import__('decimal').Decimal('1.10')",
      "__import__('fractions').Fraction(1, 3)",
      "__import__('uuid').UUID(int=7)",
      "__import__('pathlib').PurePosixPath('/a/b')",
      "complex(1, float('inf'))",
      "range(1, 10, 3)",
      "Colour.RED"
    ].map(returns),
    {
      name: "a dict that another thread changes while it is sent",
      act: evaluate("restless(0.3)"),
      expected: either(
        value((it: unknown) => typeof it === "object" && it !== null && Object.keys(it).length >= 50_000),
        invalid("result")
      ),
      reuse: "reused"
    },
    refuses(
      "an object that cannot be pickled",
      evaluate("[Irreducible()]"),
      /result\[0\].*faults\.Irreducible/
    ),
    refuses("an object whose pickling leaves", evaluate("Exits()"), /faults\.Exits/),
    refuses("an object that lies about its class", evaluate("[Liar()]"), /result\[0\].*faults\.Liar/),
    refuses(
      "an object that cannot be asked",
      evaluate("[Untouchable()]"),
      /result\[0\].*faults\.Untouchable/
    ),
    {
      name: "a number that is none",
      act: evaluate("Odd(5)"),
      expected: either(value(5), invalid("result", /faults\.Odd/)),
      reuse: "reused"
    },
    {
      name: "a text that is none",
      act: evaluate("Quiet('x')"),
      expected: either(value("x"), invalid("result", /faults\.Quiet/)),
      reuse: "reused"
    },
    {
      name: "keys that cannot be compared",
      act: evaluate("{Key(): 1}"),
      expected: invalid("result", /faults\.Key/),
      reuse: "reused"
    },
    gives(
      "64 MB of bytes",
      "bytes(64_000_000)",
      (it: unknown) => it instanceof Uint8Array && it.length === 64_000_000
    ),
    gives(
      "text of 20 MB",
      "'x' * 20_000_000",
      (it: unknown) => typeof it === "string" && it.length === 20_000_000
    ),
    { ...refuses("a result over the limit of a message", evaluate("bytes(200_000)"), /limit/), pool: small },
    {
      name: "arguments over the limit of a message",
      act: call("builtins:len", [new Uint8Array(200_000)]),
      expected: invalid("arguments", /maxFrame/),
      reuse: "reused",
      pool: small
    },
    {
      name: "arguments that cannot be sent",
      act: call("builtins:len", [{ rows: [1, () => 1] }]),
      expected: invalid("arguments", /rows\[1\]/),
      reuse: "reused"
    },
    {
      name: "arguments that Python cannot hold: a key that has no hash",
      act: call("builtins:len", [new Map([[[1], 2]])]),
      expected: invalid("arguments"),
      reuse: "reused"
    },
    {
      name: "what JSON cannot carry, in a pool that speaks it",
      act: evaluate("{'rows': [1, {2: 'two'}]}"),
      expected: invalid("result", /result\["rows"\]\[1\]/),
      reuse: "reused",
      pool: { codec: "json" }
    },
    {
      name: "a result that ends its process when it goes",
      act: exec("import os\nclass Last:\n  def __del__(self): os._exit(6)\nl = Last()\ndel l"),
      expected: exited(6),
      reuse: "replaced"
    },
    {
      name: "a result that raises when it goes",
      act: exec("import faults; faults.Grave()"),
      expected: nothing,
      reuse: "reused"
    }
  ]
}
