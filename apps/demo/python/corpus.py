"""The text that is searched: the source files of Python's standard library, or of a folder given instead."""

import os
import sysconfig

_SKIPPED = frozenset(("__pycache__", "idle_test", "site-packages", "dist-packages", "test", "tests"))


def files(package, root=None):
    """Paths of the package's source files, sorted; those of everything for "all". Raises LookupError when there are none."""
    root = os.path.abspath(root or sysconfig.get_paths()["stdlib"])
    start = root if package == "all" else os.path.join(root, *package.split("."))
    found = []
    for folder, folders, names in os.walk(start):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".py")]
    if not found and os.path.isfile(start + ".py"):
        found = [start + ".py"]
    if not found:
        raise LookupError("no package %r in %s" % (package, root))
    return found


def read(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def count_lines(data):
    """Lines of a file, as `wc -l` counts them."""
    return data.count(b"\n")
