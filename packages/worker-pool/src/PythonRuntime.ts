/**
 * Where the Python half of this package is. This module stays directly below `src/` (and is bundled directly below `dist/`), because
 * the folder `python/` is found relative to it.
 */

/** The script that a worker's interpreter is started with. */
export const bootScript: URL = new URL("../python/boot.py", import.meta.url)
