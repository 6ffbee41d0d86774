/** Other packages that put calls in order for workers, as subjects: so many calls at once, which eight of something answer at once. */
import type { Pool } from "generic-pool"
import type PQueue from "p-queue"
import type { Piscina } from "piscina"
import type { Subject } from "../../../scripts/bench/bench.ts"

const WORKERS = 8

/** As many calls as that at any time. */
const atOnce =
  (width: number, call: () => Promise<unknown>) =>
  async (n: number): Promise<void> => {
    let left = n
    const caller = async (): Promise<void> => {
      while (left-- > 0) await call()
    }
    await Promise.all(Array.from({ length: Math.min(width, n) }, caller))
  }

/** To threads that are there already. */
export const piscina = (width: number): Subject => {
  let threads: Piscina | undefined
  return {
    name: "piscina, 8 threads",
    atLeast: width,
    setup: async () => {
      const { Piscina } = await import("piscina")
      const filename = new URL("echo.ts", import.meta.url).href
      threads = new Piscina({ filename, minThreads: WORKERS, maxThreads: WORKERS })
    },
    run: atOnce(width, async () => threads?.run(16)),
    teardown: () => threads?.destroy()
  }
}

/** To objects of this process, which answer in a later microtask: nothing is encoded, and nothing can go wrong. */
export const genericPool = (width: number): Subject => {
  let pool: Pool<object> | undefined
  return {
    name: "generic-pool, 8 objects",
    atLeast: width,
    setup: async () => {
      const { createPool } = await import("generic-pool")
      pool = createPool({ create: async () => ({}), destroy: async () => {} }, { min: WORKERS, max: WORKERS })
    },
    run: atOnce(width, async () => pool?.use(async () => 16)),
    teardown: async () => {
      await pool?.drain()
      await pool?.clear()
    }
  }
}

/** Eight at a time, of functions that answer in a later microtask: an order, and no workers. */
export const pQueue = (width: number): Subject => {
  let queue: PQueue | undefined
  return {
    name: "p-queue, 8 at a time",
    atLeast: width,
    setup: async () => {
      const { default: PQueue } = await import("p-queue")
      queue = new PQueue({ concurrency: WORKERS })
    },
    run: atOnce(width, async () => queue?.add(async () => 16))
  }
}
