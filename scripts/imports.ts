/** Reads what a TypeScript file imports, well enough for this repository: by patterns, on code whose comments are gone. */

const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g

export const withoutComments = (source: string): string =>
  source.replace(token, (text) => (text.startsWith("/") ? " " : text))

/** Only code: strings are emptied too, so that a word found in what is left is an identifier or a keyword. */
export const codeOnly = (source: string): string =>
  source.replace(token, (text) => (text.startsWith("/") ? " " : '""'))

const patterns = [
  /\b(?:import|export)\s+(?:type\s+)?[\w*{$][^"'`;=()]*?\bfrom\s*["']([^"']+)["']/g,
  /\bimport\s*["']([^"']+)["']/g,
  /\bimport\s*\(\s*["']([^"']+)["']/g
]

/** The specifiers of static imports, re-exports and dynamic imports, each once. */
export const importsOf = (source: string): ReadonlyArray<string> => {
  const code = withoutComments(source)
  const found = patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ""))
  return [...new Set(found)]
}

/** Whether a module consists of re-exports. */
export const onlyExports = (source: string): boolean =>
  withoutComments(source)
    .replaceAll(
      /\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})(?:\s*from\s*["'][^"']+["'])?\s*;?/g,
      ""
    )
    .trim() === ""
