import { assert, it } from "@effect/vitest"
import * as Strict from "../../src/pool/Strict.ts"
import type { Exports } from "../../src/protocol/Export.ts"
import { Request } from "../../src/protocol/Kind.ts"

const exports: Exports = {
  score: { kind: "function", target: "app:score", params: [] },
  Counter: { kind: "class", target: "app:Counter", params: [] }
}

const call = (target: string) => Strict.refusal(exports, Request.call, target, false)
const method = (target: string) => Strict.refusal(exports, Request.call, target, true)
const open = (target: string) => Strict.refusal(exports, Request.open, target, true)

it("lets through what is exposed, by name and by target", () => {
  for (const target of ["score", "app:score", "Counter", "app:Counter"]) assert.isUndefined(call(target))
  for (const target of ["Counter", "app:Counter"]) assert.isUndefined(open(target))
  for (const name of ["next", "score", "anything"]) assert.isUndefined(method(name))
  assert.isUndefined(Strict.refusal(exports, Request.close, "close", true))
})

it("and nothing else, not even what every object has", () => {
  for (const target of ["os:system", "app:hidden", "", "toString", "__proto__", "constructor"])
    assert.include(call(target), "is not exposed (strict)")
  for (const target of ["app:hidden", "collections:Counter"]) assert.include(open(target), "is not exposed")
  assert.include(open("score"), "no class")
  for (const name of ["_secret", "__init__"]) assert.include(method(name), "underscore")
})

it("names what is close, or what to do when there is nothing", () => {
  assert.include(call("scores"), 'is it "score"')
  assert.include(call("app:conter"), 'is it "app:Counter"')
  assert.notInclude(call("something else entirely"), "is it")
  assert.include(Strict.refusal({}, Request.call, "score", false), "preload or setup")
})
