"""What an interpreter is started with where the files beside this one are not: `python -c`, with this text.

The files come in the environment, in pieces FIREWEED_RUNTIME_0, _1 and so on that no system finds too long. Their modules
are the same as from the files, down to the names in their tracebacks; only their folder does not exist.

This file must parse on Python 2.7, as boot.py must.
"""
import base64
import json
import os
import sys
import zlib

FOLDER = "<fireweed>"


def read():
    pieces = []
    while "FIREWEED_RUNTIME_%d" % len(pieces) in os.environ:
        pieces.append(os.environ["FIREWEED_RUNTIME_%d" % len(pieces)])
    for index in range(len(pieces)):
        del os.environ["FIREWEED_RUNTIME_%d" % index]
    return json.loads("".join(pieces))


FILES = read()


def source(name):
    return zlib.decompress(base64.b64decode(FILES[name])).decode("utf-8")


class Finder:
    """Finds the modules of the package, and loads them."""

    def find_spec(self, fullname, path=None, target=None):
        name = fullname.replace(".", "/")
        is_package = name + "/__init__.py" in FILES
        name += "/__init__.py" if is_package else ".py"
        if name not in FILES or not fullname.startswith("fireweed"):
            return None
        from importlib.machinery import ModuleSpec

        spec = ModuleSpec(fullname, self, origin=FOLDER + "/" + name, is_package=is_package)
        spec.has_location = True
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        origin = module.__spec__.origin
        exec(compile(self.get_source(module.__name__), origin, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, fullname):
        """For those who print tracebacks."""
        name = fullname.replace(".", "/")
        return source(name + "/__init__.py" if name + "/__init__.py" in FILES else name + ".py")


# Python puts the working folder first in sys.path for `-c`, where it may shadow anything.
if sys.path[:1] == [""]:
    del sys.path[0]
if sys.version_info[0] > 2:
    sys.meta_path.insert(0, Finder())
boot = FOLDER + "/boot.py"
exec(compile(source("boot.py"), boot, "exec"), {"__name__": "__main__", "__file__": boot})
