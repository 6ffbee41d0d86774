export { noLeaks } from "./noLeaks.ts"
export { withFixture } from "./withFixture.ts"
