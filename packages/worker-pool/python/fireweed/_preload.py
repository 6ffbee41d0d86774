"""Modules that are imported before there is a worker: in the worker itself, or once in the zygote that it is forked from."""

from ._builtins import __builtins__
from ._hooks import guarded
from ._target import is_path, load_module, load_named


def preload(modules, after=None):
    """Import each, by its name or from its file; `after(module)` is called behind each. The first that fails ends it:
    `HookFailed` names it."""
    for module in modules:
        guarded("preload %r" % module, load_named if is_path(module) else load_module, module)
        if after is not None:
            after(module)
