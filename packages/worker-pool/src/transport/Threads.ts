/**
 * How many threads native libraries use in a worker. Left alone, each takes as many as there are processors, in each worker.
 */

/** The variables by which they are told: OpenMP, OpenBLAS, MKL, Accelerate, BLIS, numexpr. */
export const VARIABLES = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
  "BLIS_NUM_THREADS",
  "NUMEXPR_NUM_THREADS"
] as const

/** The environment that tells them, but for what `given` says already. */
export const environment = (
  threads: number | "all",
  given: { readonly [name: string]: string | undefined }
): { readonly [name: string]: string } =>
  threads === "all"
    ? {}
    : Object.fromEntries(
        VARIABLES.flatMap((name) => (given[name] === undefined ? [[name, String(threads)]] : []))
      )
