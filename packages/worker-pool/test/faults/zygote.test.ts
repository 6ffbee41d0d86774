/**
 * The faults of processes again, where the process is forked from a zygote and runs several calls at once. All of them are run in these ways
 * elsewhere.
 */
import { concurrent } from "./catalogue.ts"
import { death } from "./death.ts"
import { noise } from "./noise.ts"
import { selfHarm } from "./selfHarm.ts"
import { strike } from "./suite.ts"

strike({
  name: "forked, several calls at once",
  pool: { start: "zygote", concurrency: 8 },
  calls: concurrent([noise, death, selfHarm]),
  starts: []
})
