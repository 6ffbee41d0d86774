"""Modules that are imported before there is a worker: in the worker itself, or once in the zygote that it is forked from."""

from ._builtins import __builtins__
from ._hooks import guarded
from ._target import load_module


def preload(names, after=None):
    """Import each by its name; `after(name)` is called behind each. The first that fails ends it: `HookFailed` names it."""
    for name in names:
        guarded("preload %r" % name, load_module, name)
        if after is not None:
            after(name)
