/** What a thread of piscina runs. */
export default (value: unknown): unknown => value
