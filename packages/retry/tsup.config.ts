import { defineConfig } from "tsup"

export default defineConfig({
  entry: ["src/index.ts"],
  format: ["esm"],
  target: "es2022",
  platform: "neutral",
  // The compiler writes the declarations: tsup's own declaration plugin cannot drive TypeScript 7.
  dts: false,
  sourcemap: true,
  clean: true,
  // The default rewrites "node:url" to "url", which Deno refuses.
  removeNodeProtocol: false
})
