/** `pnpm guarantees`: lists which guarantees have a test and which are open; exits with 1 when a title names one that is not there. */
import * as path from "node:path"
import * as Guarantees from "./guarantees.ts"

const report = Guarantees.ofRepository(path.resolve(import.meta.dirname, ".."))
for (const line of Guarantees.format(report)) console.log(line)
if (report.complaints.length > 0) process.exitCode = 1
