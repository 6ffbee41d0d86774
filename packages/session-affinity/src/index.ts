/**
 * Keeps a key (a session, a tenant, a conversation) on the same target (a worker, a host, a shard), and decides what
 * happens when it cannot stay.
 */
export * as AffinityError from "./AffinityError.ts"
export * as AffinityEvent from "./AffinityEvent.ts"
export * as Binding from "./Binding.ts"
export * as Mode from "./Mode.ts"
export * as Movement from "./Movement.ts"
export * as Placement from "./Placement.ts"
export * as SessionAffinity from "./SessionAffinity.ts"
