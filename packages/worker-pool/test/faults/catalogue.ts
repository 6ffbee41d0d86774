/** All faults. */
import { callbacks } from "./callbacks.ts"
import { death } from "./death.ts"
import { exceptions } from "./exceptions.ts"
import type { Fault, Section } from "./Fault.ts"
import { hangs } from "./hangs.ts"
import { maps } from "./maps.ts"
import { noise } from "./noise.ts"
import { protocol } from "./protocol.ts"
import { selfHarm } from "./selfHarm.ts"
import { streams } from "./streams.ts"
import { values } from "./values.ts"

/** The sections of faults that strike a call; those that strike a start are in `start.ts`. */
export const calls: ReadonlyArray<Section<Fault>> = [
  noise,
  death,
  hangs,
  values,
  exceptions,
  protocol,
  selfHarm,
  streams,
  maps,
  callbacks
]

/** The same for workers that run several calls at once. */
export const concurrent = (sections: ReadonlyArray<Section<Fault>>): ReadonlyArray<Section<Fault>> =>
  sections.map(({ faults, name }) => ({ name, faults: faults.filter(({ alone }) => alone !== true) }))
