/** Part of `pnpm check`: holds the repository to `dependency-rules.ts`; prints what is broken and exits with 1. */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { complaints } from "./dependency-rules.ts"

const root = path.resolve(import.meta.dirname, "..")
const patterns = ["turbo.json", "{packages,apps}/*/*.{json,md}", "{packages,apps}/*/LICENSE"]
const rooms = "{packages,apps}/*/{src,test,bench,soak}/**/*.ts"
const files = new Map(
  globSync([...patterns, rooms], { cwd: root, exclude: (name) => name === "node_modules" }).map((file) => [
    file.replaceAll(path.sep, "/"),
    readFileSync(path.join(root, file), "utf8")
  ])
)
const broken = complaints(files)
for (const line of broken) console.log(line)
console.log(
  `${broken.length === 0 ? "ok" : "broken"}: dependency rules, ${files.size} files, ${broken.length} complaints`
)
if (broken.length > 0) process.exitCode = 1
