/** The faults of processes again, where the process is forked from a zygote. All of them are run so elsewhere. */
import { death } from "./death.ts"
import { selfHarm } from "./selfHarm.ts"
import { strike } from "./suite.ts"

strike({ start: "zygote", calls: [death, selfHarm], starts: [] })
