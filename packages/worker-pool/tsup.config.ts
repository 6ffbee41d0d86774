import { defineConfig } from "tsup"

export default defineConfig({
  entry: ["src/index.ts", "src/promise/index.ts", "src/protocol/index.ts", "src/transport/index.ts"],
  format: ["esm"],
  target: "es2022",
  platform: "node",
  // The compiler writes the declarations: tsup's own declaration plugin cannot drive TypeScript 7.
  dts: false,
  sourcemap: true,
  clean: true,
  // The default rewrites "node:url" to "url", which Deno refuses.
  removeNodeProtocol: false
})
