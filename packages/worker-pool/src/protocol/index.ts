export * as Frame from "./Frame.ts"
export * as Json from "./Json.ts"
export * as Kind from "./Kind.ts"
export * as Message from "./Message.ts"
