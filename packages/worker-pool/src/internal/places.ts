/** Where things are: what the relative paths of options and targets start from. */
import { dirname, isAbsolute, resolve } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** Options that say where something is, as they were given. */
export interface PlaceOptions {
  readonly cwd?: string | URL | undefined
  readonly root?: string | URL | undefined
  readonly pythonPath?: ReadonlyArray<string | URL> | undefined
  readonly preload?: ReadonlyArray<string | URL> | undefined
  readonly reload?: ReadonlyArray<string | URL> | undefined
}

/** The same, each an absolute path. */
export interface Places {
  /** Working folder of the workers. */
  readonly cwd: string
  /** Folders that modules are imported from, the ones of preloaded files last. */
  readonly pythonPath: ReadonlyArray<string>
  /** Names of modules, and paths of files. */
  readonly preload: ReadonlyArray<string>
  /** Files and folders. */
  readonly reload: ReadonlyArray<string>
  /** A target with the path of a file in it, made absolute; any other as it is. */
  readonly target: (target: string) => string
}

/** Makes all of them absolute. */
export const make = (options: PlaceOptions): Places => {
  const cwd = toPath(process.cwd(), options.cwd ?? ".")
  const root = options.root === undefined ? cwd : toFolder(cwd, options.root)
  const preload = (options.preload ?? []).map((module) =>
    isFile(module) ? toPath(root, module) : `${module}`
  )
  const folders = [
    ...(options.pythonPath ?? ["."]).map((folder) => toPath(root, folder)),
    ...preload.filter((module) => isAbsolute(module)).map((file) => dirname(file))
  ]
  return {
    cwd,
    pythonPath: [...new Set(folders)],
    preload,
    reload: (options.reload ?? []).map((path) => toPath(root, path)),
    target: (target) => {
      if (!isRelative(target) && !isUrl(target)) return target
      const colon = target.lastIndexOf(":")
      const name = target.slice(colon)
      const place = target.slice(0, colon)
      // Without a name it is no target; Python says so.
      return colon <= "file".length || name.includes("/") || !isFileUrl(place)
        ? target
        : toPath(root, place) + name
    }
  }
}

/** Whether something can be made a path: a URL that is none of a file cannot. */
export const isPlace = (input: unknown): input is string | URL =>
  (typeof input === "string" && input !== "" && isFileUrl(input)) ||
  (input instanceof URL && input.protocol === "file:")

const isUrl = (text: string): boolean => text.startsWith("file:")

/** Of a text that is no URL there is nothing to say. */
const isFileUrl = (text: string): boolean => {
  if (!isUrl(text)) return !/^[a-z][a-z\d+.-]+:\/\//.test(text)
  try {
    fileURLToPath(text)
    return true
  } catch {
    return false
  }
}

const isRelative = (text: string): boolean =>
  text.startsWith("./") || text.startsWith("../") || text.startsWith(".\\") || text.startsWith("..\\")

/** A file, and not the name of a module. */
const isFile = (module: string | URL): boolean =>
  module instanceof URL || isUrl(module) || /[\\/]|\.py$/.test(module)

const toPath = (from: string, place: string | URL): string =>
  place instanceof URL || isUrl(place) ? fileURLToPath(place) : resolve(from, place)

/** A URL that does not end with a slash is that of a file, such as `import.meta.url`: its folder is meant. */
const toFolder = (from: string, place: string | URL): string =>
  place instanceof URL || isUrl(place) ? fileURLToPath(new URL(".", place)) : resolve(from, place)
