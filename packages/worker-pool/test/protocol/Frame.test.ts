import { assert, describe, it } from "@effect/vitest"
import { Frame } from "@fireweed/worker-pool/protocol"
import process from "node:process"

const join = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

const collect = (maxFrame = Frame.DEFAULT_MAX_FRAME) => {
  const frames: Array<Frame.Frame> = []
  const decoder = Frame.decoder({
    maxFrame,
    accepts: (kind) => kind !== 0x7f,
    // A frame is a view of the chunk it came in.
    onFrame: (frame) => frames.push({ ...frame, meta: frame.meta.slice() })
  })
  return { frames, decoder }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const samples: ReadonlyArray<Frame.Outgoing> = [
  Frame.make(0x02),
  Frame.make(0x83, 7, text('{"a":1}')),
  Frame.make(0x83, 0xffff_ffff, text("x".repeat(70_000))),
  {
    kind: 0x83,
    codec: 0,
    id: 3,
    pieces: [text("me"), text("ta")],
    buffers: [text("12345678"), text("abc"), new Uint8Array(0)]
  },
  { kind: 0x02, codec: 1, id: 9, pieces: [text("12345678")], buffers: [new Uint8Array(100_003).fill(7)] }
]

const header = (fields: { [offset: number]: number }): Uint8Array => {
  const bytes = join(Frame.encode(Frame.make(0x83, 1, text("ab")))).slice()
  for (const [offset, value] of Object.entries(fields)) bytes[Number(offset)] = value
  return bytes
}

describe("round trip", () => {
  for (const size of [1, 7, 24, 25, 4_096, Number.POSITIVE_INFINITY]) {
    it(`in chunks of ${size} bytes`, () => {
      const { decoder, frames } = collect()
      const bytes = join(samples.flatMap((frame) => Frame.encode(frame)))
      for (let at = 0; at < bytes.length; at += size) {
        assert.isUndefined(decoder.push(bytes.subarray(at, Math.min(at + size, bytes.length))))
      }
      assert.deepStrictEqual(
        frames,
        samples.map(({ pieces, ...rest }) => ({ ...rest, meta: join(pieces) }))
      )
      assert.isFalse(decoder.isPartial())
    })
  }

  it("buffers start at a multiple of 8, so that typed arrays can lie on them", () => {
    const { decoder, frames } = collect()
    const sample = samples[4]
    if (sample === undefined) throw new Error("no sample")
    // A byte before the frame puts everything off the multiple.
    decoder.push(join([...Frame.encode(Frame.make(0x02, 1, text("x"))), ...Frame.encode(sample)]))
    assert.deepStrictEqual(
      frames[1]?.buffers.map((buffer) => buffer.byteOffset % 8),
      [0]
    )
  })

  it("tells of half a frame", () => {
    const bytes = join(Frame.encode(Frame.make(0x83, 1, text("abc"))))
    for (const length of [1, 23, 24, 26]) {
      const { decoder, frames } = collect()
      decoder.push(bytes.subarray(0, length))
      assert.isTrue(decoder.isPartial(), `${length} bytes`)
      assert.strictEqual(frames.length, 0)
    }
  })
})

describe("a peer that breaks a rule", () => {
  const cases: ReadonlyArray<readonly [rule: string, bytes: Uint8Array]> = [
    ["magic", header({ 0: 0x50 })],
    ["kind", header({ 2: 0x7f })],
    ["flags", header({ 3: 0x03 })],
    ["reserved", header({ 14: 1 })],
    ["limit", header({ 16: 0, 20: 1 })],
    ["limit", header({ 16: 0, 22: 0xff, 23: 0xff })],
    ["length", header({ 16: 3 })],
    ["length", header({ 8: 9 })],
    ["length", header({ 12: 1 })],
    ["buffers", join(Frame.encode({ ...Frame.make(0x83, 1), buffers: [text("abcdefgh")] })).fill(9, 24, 25)],
    ["buffers", join(Frame.encode({ ...Frame.make(0x83, 1), buffers: [text("abcdefgh")] })).fill(0, 24, 25)]
  ]
  for (const [rule, bytes] of cases) {
    it(`${rule}: ${Buffer.from(bytes.subarray(0, 26)).toString("hex")}`, () => {
      const { decoder, frames } = collect()
      const found = decoder.push(bytes)
      assert.strictEqual(found?.rule, rule)
      assert.strictEqual(frames.length, 0)
      assert.strictEqual(decoder.push(new Uint8Array(24)), found, "it stays broken")
    })
  }

  it("a body over the limit is refused by its header, before anything is allocated", () => {
    const { decoder } = collect(1_024)
    const bytes = join(Frame.encode(Frame.make(0x83, 1, new Uint8Array(1_025))))
    assert.strictEqual(decoder.push(bytes.subarray(0, 24))?.rule, "limit")
  })

  it("a body that is claimed and does not come costs no memory, and one over 64 MiB comes whole", () => {
    const [head = new Uint8Array(0)] = Frame.encode(Frame.make(0x83, 1, new Uint8Array(100_000_000)))
    const before = process.memoryUsage().rss
    const claims = Array.from({ length: 50 }, () => collect())
    for (const { decoder } of claims) assert.isUndefined(decoder.push(head))
    assert.isBelow(process.memoryUsage().rss - before, 100_000_000)
    const [first] = claims
    const chunk = new Uint8Array(1_000_000).map((_, index) => index % 251)
    for (let count = 0; count < 100; count++) first?.decoder.push(chunk)
    const meta = first?.frames[0]?.meta
    assert.strictEqual(meta?.length, 100_000_000)
    for (const at of [0, 67_108_863, 67_108_864, 99_999_999])
      assert.strictEqual(meta?.[at], (at % 1_000_000) % 251)
  })

  it("random damage ends in a violation or in frames, never in an exception", () => {
    const bytes = join(samples.flatMap((frame) => Frame.encode(frame)))
    let seed = 7
    const random = (below: number): number =>
      Math.floor(((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31) * below)
    let violations = 0
    for (let round = 0; round < 3_000; round++) {
      const damaged = bytes.slice(0, 1 + random(bytes.length))
      for (let count = 0; count < 3; count++) damaged[random(Math.min(damaged.length, 120))] = random(256)
      const { decoder } = collect(1_000_000)
      if (decoder.push(damaged) !== undefined) violations++
    }
    assert.isAbove(violations, 1_000)
  })
})
