import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // Most tests wait for other processes: leaving a core to them is no gain.
    maxWorkers: "100%",
    projects: ["packages/*", "apps/*", "scripts"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 80, functions: 80, branches: 70, statements: 80 }
    }
  }
})
