import { configDefaults, defineConfig } from "vitest/config"

// What is Python's is the same whoever starts it: the runtime's own tests, the faults and traps of spawned workers, the long tables of values.
const pythons = [
  "test/python/runtime.test.ts",
  "test/python/traps.test.ts",
  "test/python/values.test.ts",
  "test/faults/faults.test.ts"
]
const once = "Deno" in globalThis ? pythons : []

export default defineConfig({
  test: {
    name: "worker-pool",
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...once],
    testTimeout: 30_000,
    // On two cores, too: its tests mostly wait for other processes.
    maxWorkers: 3,
    // Its files share nothing but modules, and loading those anew for each takes a third of the time.
    isolate: false
  }
})
