import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "test-kit",
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    maxWorkers: 3,
    // Its files share nothing but modules, and loading those anew for each takes longer than the tests.
    isolate: false
  }
})
