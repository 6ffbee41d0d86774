export * as Fixture from "./Fixture.ts"
export * as Leaks from "./Leaks.ts"
