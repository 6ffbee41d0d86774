import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "worker-pool",
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    // On two cores, too: its tests mostly wait for other processes.
    maxWorkers: 3
  }
})
