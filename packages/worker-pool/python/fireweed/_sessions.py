"""Sessions: named objects that live in this worker between calls."""

from . import _cancel, _coroutines, _registry
from ._apply import apply
from ._builtins import __builtins__
from ._errors import TargetError
from ._signature import is_class
from ._target import method

SNAPSHOT = "@snapshot"
"""The method that does nothing: for a call that is made for its snapshot alone."""

_objects = {}


class Unfit(TargetError):
    """What was opened cannot be saved and restored."""


def has(name):
    return name in _objects


def open_session(name, make, args, kwargs, saves):
    """Make the session's object; `saves` says that it will be asked for snapshots."""
    made = make(*args, **kwargs)
    if saves:
        _check_made(made, make)
    _keep(name, made)


def restore_session(name, make, state, args, kwargs):
    """Make the session's object from what a snapshot holds. The coroutine of an `async def restore` is given back, to be run.

    Of a class, `restore` makes the object if it is a class method or a static one; else it is called on an object without `__init__`, as
    `__setstate__` is. A function is called as it was at first, and `restore` on what it gives.
    """
    if _makes(make):
        left = apply(make.restore, (state,), {})
        return _done(left, lambda made: _keep(name, made))
    made = make.__new__(make) if is_class(make) else apply(make, args, kwargs)
    _check_made(made, make)
    return _done(apply(made.restore, (state,), {}), lambda _: _keep(name, made))


def session_method(name, target):
    return method(_find(name)[0], target)


def take(name):
    """What `snapshot()` gives, or its coroutine."""
    return apply(method(_find(name)[0], "snapshot"), (), {})


def refuse_open(name, make, saves):
    """What can be seen before anything of the user's runs."""
    _registry.check_class(make)
    if name in _objects:
        raise TargetError("the session %r is open already" % name)
    if saves and is_class(make):
        _check(make, make)


def close_session(name):
    """Forget the object, then leave it: `__exit__` of a context manager, else `close` where there is one.

    The coroutine of an `async def close` is given back, to be run.
    """
    value, manager = _find(name)
    del _objects[name]
    if manager is not None:
        type(manager).__exit__(manager, None, None, None)
    elif callable(getattr(value, "close", None)):
        left = value.close()
        return left if type(left) is _coroutines.Coroutine else None
    return None


def _find(name):
    try:
        return _objects[name]
    except KeyError:
        raise TargetError("no session %r in this worker" % name) from None


def _keep(name, made):
    """A context manager is entered, as by `with`."""
    manager = hasattr(type(made), "__enter__") and hasattr(type(made), "__exit__")
    _objects[name] = (type(made).__enter__(made) if manager else made, made if manager else None)


def _makes(make):
    """Whether `restore` is called on the class."""
    if not is_class(make):
        return False
    for cls in make.__mro__:
        if "restore" in cls.__dict__:
            return isinstance(cls.__dict__["restore"], (classmethod, staticmethod))
    return False


def _check(owner, make):
    for name in ("snapshot", "restore"):
        if not callable(getattr(owner, name, None)):
            what = getattr(make, "__qualname__", None) or type(make).__qualname__
            raise Unfit("%s has no %s(): its sessions cannot survive their worker" % (what, name))


def _check_made(made, make):
    try:
        _check(made, make)
    except Unfit:
        close = getattr(made, "close", None)
        if callable(close):
            close()
        raise


def _done(left, keep):
    if type(left) is _coroutines.Coroutine:
        return _later(left, keep)
    keep(left)
    return None


@_cancel.own
async def _later(coroutine, keep):
    keep(await coroutine)
