/** Things that a test needs and has to get rid of, each released once, whatever became of the test. */
export { AcquireError } from "./fixture/AcquireError.ts"
export { childProcess, type ChildProcessOptions } from "./fixture/childProcess.ts"
export { environment } from "./fixture/environment.ts"
export {
  type Fixture,
  isGone,
  make,
  type Options,
  ReleaseError,
  type State,
  TypeId
} from "./fixture/Fixture.ts"
export { port } from "./fixture/port.ts"
export { type Listening, server, type ServerOptions } from "./fixture/server.ts"
export { temporaryFolder } from "./fixture/temporaryFolder.ts"
