"""From a target's name to the function it names: `package.module:qualified.name`, `/absolute/file.py:name` or a name
given by `expose`."""

import os
import sys
from binascii import crc32

from . import _registry
from ._builtins import __builtins__
from ._errors import TargetError

_import = __import__
_modules = sys.modules
_missing_name = ImportError.__dict__["name"].__get__
_cache = {}


def resolve(target):
    """The callable of that name; imported once, then from a cache. What a module raises at import passes through."""
    found = _cache.get(target)
    if found is None:
        found = _cache[target] = _resolve(target)
    return found


def forget():
    """Look every target up again: which of them may be called has changed."""
    _cache.clear()


def method(owner, name):
    """A method of a session's object."""
    _registry.check_method(name)
    try:
        found = getattr(owner, name)
    except AttributeError:
        raise TargetError("the session's object has no method %r" % name) from None
    return _callable(found, name)


def _resolve(target):
    place, _, name = target.rpartition(":")
    if _registry.is_strict() or not place or not name:
        return _registry.find(target)
    return locate(place, name)


def locate(place, name):
    """What stands under a dotted name in a module or a file."""
    found = _load_file(place) if is_path(place) else load_module(place)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise TargetError("%r has no %r" % (place, name)) from None
    return _callable(found, "%s:%s" % (place, name))


def is_path(place):
    """Whether it can only be the path of a file; without `os.path`, which user code may have changed."""
    return place[:1] in ("/", "\\") or place[1:2] == ":"


def _callable(found, name):
    if not callable(found):
        raise TargetError("%r is not callable" % name)
    return found


def load_module(name):
    """Import a module, if it is not."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError("%r is not the name of a module" % name)
    try:
        return _import(name, None, None, ("__name__",))  # with a list, the module itself and not its top package
    except ModuleNotFoundError as error:
        missing = _missing_name(error)
        # Only when it is this module that is missing; one that this module imports is that module's own fault.
        if type(missing) is str and (name + ".").startswith(missing + "."):
            raise TargetError("no module named %r in sys.path" % missing) from None
        raise


def load_named(path):
    """Import a file, or the folder of a package, by its own name from its folder, which is in `sys.path`."""
    path = os.path.realpath(path)
    is_package = os.path.isdir(path)
    file = os.path.join(path, "__init__.py") if is_package else path
    if not os.path.isfile(file):
        raise TargetError("no Python file %r" % file)
    name = os.path.basename(path) if is_package else os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier():
        raise TargetError("%r cannot be imported: %r is not the name of a module; rename it" % (path, name))
    module = load_module(name)
    found = getattr(module, "__file__", None)
    if type(found) is not str or os.path.realpath(found) != file:
        raise TargetError("%r cannot be imported: the module %r is %s; rename it" % (path, name, found or "built in"))
    _files[file] = module


_files = {}  # path -> what was imported from it by name


def _load_file(path):
    from importlib.util import module_from_spec, spec_from_file_location

    path = os.path.realpath(path)
    if path in _files:
        return _files[path]
    # A name of its own: a file called `json.py` must not become everybody's `json`.
    stem = os.path.splitext(os.path.basename(path))[0].replace(".", "_")
    name = "%s_%08x" % (stem, crc32(os.fsencode(path)))
    if name in _modules:
        return _modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or not os.path.isfile(path):
        raise TargetError("no Python file %r" % path)
    module = _modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _modules.pop(name, None)
        raise
    return module
