// Runs before what needs Python, and answers a missing one with one line that says what to do, where the program itself would
// fail somewhere in the middle. Plain JavaScript: it must also run on a Node too old for the TypeScript of the other scripts
// (pnpm puts a pinned Node first on the PATH, except on a platform for which that one does not exist).
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import * as path from "node:path"

const oldestNode = [22, 18]
const oldestPython = [3, 9]

/** Whether `version` is `oldest` or later, both as [major, minor]. */
const atLeast = (version, oldest) =>
  version[0] > oldest[0] || (version[0] === oldest[0] && version[1] >= oldest[1])

/** The version of an interpreter as [major, minor], or undefined if it is not a Python that starts. */
const versionOf = (command) => {
  const program = "import sys; print(*sys.version_info[:2])"
  const { status, stdout } = spawnSync(command, ["-c", program], { encoding: "utf8", timeout: 20_000 })
  return status === 0 ? stdout.trim().split(" ").map(Number) : undefined
}

const inEnvironment = (folder) =>
  process.platform === "win32"
    ? path.join(folder, "Scripts", "python.exe")
    : path.join(folder, "bin", "python")

const describe = (version) =>
  version === undefined ? "does not start as Python" : `is Python ${version.join(".")}`

/** What is wrong, in one line, or undefined. */
const problem = () => {
  const node = process.versions.node.split(".").map(Number)
  if (!atLeast(node, oldestNode)) {
    return `Node ${process.versions.node} cannot run TypeScript: use Node ${oldestNode.join(".")} or newer.`
  }
  const wanted = `Python ${oldestPython.join(".")} or newer`
  const { FIREWEED_PYTHON: chosen, VIRTUAL_ENV: environment } = process.env
  if (chosen !== undefined && chosen !== "") {
    const version = versionOf(chosen)
    if (version !== undefined && atLeast(version, oldestPython)) return undefined
    return `FIREWEED_PYTHON=${chosen} ${describe(version)}: set it to a ${wanted}, or unset it.`
  }
  const local = inEnvironment(path.resolve(".venv"))
  const candidates = [
    ...(environment === undefined || environment === "" ? [] : [inEnvironment(environment)]),
    ...(existsSync(local) ? [local] : []),
    "python3",
    "python"
  ]
  const seen = []
  for (const candidate of candidates) {
    const version = versionOf(candidate)
    if (version !== undefined && atLeast(version, oldestPython)) return undefined
    if (version !== undefined) seen.push(`${candidate} ${describe(version)}`)
  }
  const found = seen.length === 0 ? "none was found" : `only found: ${seen.join(", ")}`
  return `Fireweed needs ${wanted}, ${found}: install one from your system's packages or python.org, or set FIREWEED_PYTHON to its path.`
}

const line = problem()
if (line !== undefined) {
  process.stderr.write(`${line}\n`)
  process.exitCode = 1
}
