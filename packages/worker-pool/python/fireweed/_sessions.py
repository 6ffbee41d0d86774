"""Sessions: named objects that live in this worker between calls."""

from . import _coroutines, _registry
from ._builtins import __builtins__
from ._errors import TargetError
from ._target import method

_objects = {}


def has(name):
    return name in _objects


def open_session(name, make, args, kwargs):
    """Make the session's object; a context manager is entered, as by `with`."""
    made = make(*args, **kwargs)
    manager = hasattr(type(made), "__enter__") and hasattr(type(made), "__exit__")
    _objects[name] = (type(made).__enter__(made) if manager else made, made if manager else None)


def session_method(name, target):
    return method(_find(name)[0], target)


def refuse_open(name, make):
    _registry.check_class(make)
    if name in _objects:
        raise TargetError("the session %r is open already" % name)


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
