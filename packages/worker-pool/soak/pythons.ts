/** The Pythons of this machine. */
import { accessSync, constants, globSync, realpathSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"

/** Every interpreter on the `PATH` that is named by its version, and every one of pyenv's; each once. Old ones, too. */
export const pythons = (): ReadonlyArray<string> => {
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const named = folders.flatMap((folder) => globSync(join(folder, "python[23].[0-9]*")))
  const managed = globSync(join(homedir(), ".pyenv", "versions", "*", "bin", "python"))
  const real = [...named, ...managed].filter(isProgram).map((path) => realpathSync(path))
  return [...new Set(real)].toSorted()
}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return !path.includes("shims") && !path.endsWith("-config")
  } catch {
    return false
  }
}
