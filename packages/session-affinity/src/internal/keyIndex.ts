/**
 * Which slot a key has. A large index is split into several maps, since a map that grows or shrinks is copied as a whole, in one go: half
 * a million keys take 20 ms, and an index that is split copies a part at a time.
 */
export class KeyIndex {
  size = 0
  private readonly mask: number
  private readonly first = new Map<string, number>()
  private readonly parts: ReadonlyArray<Map<string, number>>

  /** `expected` is how many keys it may come to hold. */
  constructor(expected: number) {
    let parts = 1
    while (parts < MOST_PARTS && expected / parts > KEYS_A_PART) parts *= 2
    this.mask = parts - 1
    this.parts = [this.first, ...Array.from({ length: this.mask }, () => new Map<string, number>())]
  }

  get(key: string): number | undefined {
    return this.partOf(key).get(key)
  }

  /** Enters a key that is not there. */
  add(key: string, slot: number): void {
    this.partOf(key).set(key, slot)
    this.size++
  }

  delete(key: string): void {
    if (this.partOf(key).delete(key)) this.size--
  }

  private partOf(key: string): Map<string, number> {
    return this.mask === 0 ? this.first : (this.parts[sample(key) & this.mask] ?? this.first)
  }
}

const KEYS_A_PART = 32_768
const MOST_PARTS = 256

/** A number from up to 16 of the key's characters. Keys that meet in one part cost nothing but time when it is copied. */
const sample = (key: string): number => {
  const step = (key.length >> 4) + 1
  let hash = key.length
  for (let i = key.length - 1; i >= 0; i -= step) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
