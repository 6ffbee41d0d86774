import { configDefaults, defineConfig } from "vitest/config"

// The runtime's own tests are Python's, which is the same whoever starts it.
const once = "Deno" in globalThis ? ["test/python/runtime.test.ts"] : []

export default defineConfig({
  test: {
    name: "worker-pool",
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...once],
    testTimeout: 30_000,
    // On two cores, too: its tests mostly wait for other processes.
    maxWorkers: 3
  }
})
