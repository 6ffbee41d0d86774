export * as Faults from "./Faults.ts"
export * as Fixture from "./Fixture.ts"
export * as Leaks from "./Leaks.ts"
