/** Pickles that went wrong: changed, cut, doubled and mixed, as a worker gone mad could send them. */

/** Bytes that are worth more than chance: every opcode, and the edges of lengths. */
const TELLING: ReadonlyArray<number> = [
  0x80, 0x95, 0x2e, 0x4e, 0x88, 0x89, 0x4a, 0x4b, 0x4d, 0x8a, 0x8b, 0x47, 0x8c, 0x58, 0x8d, 0x43, 0x42, 0x8e,
  0x96, 0x5d, 0x61, 0x65, 0x6c, 0x29, 0x74, 0x85, 0x86, 0x87, 0x7d, 0x64, 0x73, 0x75, 0x8f, 0x90, 0x91, 0x28,
  0x30, 0x31, 0x94, 0x71, 0x72, 0x68, 0x6a, 0x93, 0x52, 0x97, 0x98, 0x32, 0x63, 0x00, 0x01, 0x7f, 0xff
]

/** A pickle that is like `bytes`, with 1 to 4 changes; `others` lend parts. `random` gives numbers from 0 to 1. */
export const mutate = (
  bytes: Uint8Array,
  others: ReadonlyArray<Uint8Array>,
  random: () => number
): Uint8Array => {
  const below = (n: number): number => Math.floor(random() * n)
  const byte = (): number => (random() < 0.7 ? (TELLING[below(TELLING.length)] ?? 0) : below(256))
  let made = [...bytes]
  for (let changes = 1 + below(4); changes > 0; changes--) {
    // The two bytes that say "pickle 5" stay most of the time: what follows is more interesting.
    const at = made.length > 2 && random() < 0.98 ? 2 + below(made.length - 2) : below(made.length)
    switch (below(7)) {
      case 0:
        made[at] = byte()
        break
      case 1:
        made[at] = (made[at] ?? 0) ^ (1 << below(8))
        break
      case 2:
        made.splice(at, 0, byte())
        break
      case 3:
        made.splice(at, 1 + below(4))
        break
      case 4:
        made.length = at
        break
      case 5:
        made.splice(below(made.length), 0, ...made.slice(at, at + 1 + below(16)))
        break
      default: {
        const other = others[below(others.length)] ?? bytes
        const from = below(other.length)
        made.splice(at, below(8), ...other.slice(from, from + 1 + below(32)))
      }
    }
  }
  return Uint8Array.from(made)
}
