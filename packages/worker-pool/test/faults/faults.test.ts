/** Every fault of the catalogue: the error that the caller sees, what becomes of the worker, and a neighbour that does not notice. */
import { calls } from "./catalogue.ts"
import { start } from "./start.ts"
import { strike } from "./suite.ts"

strike({ name: "spawned", pool: { start: "spawn" }, calls, starts: [start] })
