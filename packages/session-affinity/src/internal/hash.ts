/**
 * FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv), over UTF-16 code units: for ASCII text the published values.
 * `state` continues an earlier hash, so that `fnv1a(b, fnv1a(a))` is the hash of `a + b`.
 */
export const fnv1a = (text: string, state: number = 0x811c9dc5): number => {
  let hash = state
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3 (Appleby, public domain): every input bit flips every output bit with odds near 1/2. */
export const fmix32 = (value: number): number => {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
