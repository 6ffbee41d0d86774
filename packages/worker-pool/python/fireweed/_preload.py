"""Modules that are imported before there is a worker: in the worker itself, or once in the zygote that it is forked from."""

from traceback import print_exception

from ._errors import Refused, message_of, type_name
from ._target import load_module


def preload(names, after=None):
    """Import each by its name; `after(name)` is called behind each. The first that fails ends it: its traceback goes to
    standard error, what is raised names it."""
    for name in names:
        try:
            load_module(name)
        except BaseException as error:  # also one that leaves by `sys.exit`
            print_exception(type(error), error, error.__traceback__)
            raise Refused("preload %r: %s: %s" % (name, type_name(type(error)), message_of(error))) from None
        if after is not None:
            after(name)
