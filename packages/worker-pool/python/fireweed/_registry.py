"""The registry: what user code has put under a name by `expose`, and its signatures, which READY tells the parent.

A strict worker calls nothing else. What counts is what was exposed before READY, so that both sides agree on it.
"""

from ._builtins import __builtins__
from ._errors import TargetError, type_name
from ._signature import is_class, methods, signature

_exposed = {}  # name -> (object, target)
_targets = {}  # target -> object
_strict = None  # what a strict worker may call, by name and by target; None if it may call all


def expose(function=None, *, name=None):
    """Put a function or a class under a name that the parent can call: `@expose`, or `@expose(name="score")`.

    The name is that of the function unless given. Functions, `async def`, generators, async generators and classes (for
    sessions) can be exposed. The object itself is given back unchanged.
    """
    if function is None:
        return lambda function: expose(function, name=name)
    if not callable(function):
        raise TypeError("expose: %s is not callable" % type_name(type(function)))
    own = getattr(function, "__qualname__", None)
    if name is None:
        name = getattr(function, "__name__", None)
    if type(name) is not str or not name or ":" in name:
        raise ValueError('expose: a name is text without ":"; give one by expose(name=...)')
    target = "%s:%s" % (getattr(function, "__module__", "?"), own) if type(own) is str else name
    there = _exposed.get(name)
    if there is not None and there[1] != target:  # the same again is a module that was loaded again
        raise ValueError("expose: %r is %s already" % (name, there[1]))
    _exposed[name] = (function, target)
    _targets[target] = function
    return function


def restrict():
    """From now on, only what is exposed now can be called."""
    global _strict
    _strict = {**_targets, **{name: entry[0] for name, entry in _exposed.items()}}


def is_strict():
    return _strict is not None


def find(target):
    """What is exposed under a name, or in a strict worker under a target. Raises `TargetError`."""
    entry = _exposed.get(target)
    found = _strict.get(target) if _strict is not None else entry and entry[0]
    if found is None:
        raise TargetError(_unknown(target))
    return found


def check_class(make):
    """A strict worker makes sessions of exposed classes alone."""
    if _strict is not None and not is_class(make):
        raise TargetError("a session is made of a class here (strict)")


def check_method(name):
    """A strict worker calls no method that is not meant for others."""
    if _strict is not None and name.startswith("_"):
        raise TargetError("methods that begin with an underscore cannot be called here (strict)")


def exports():
    """What READY says: `name -> signature`, in the shape of PROTOCOL.md."""
    return {name: _export(*entry) for name, entry in _exposed.items()}


def _export(found, target):
    data = {**signature(found, False), "target": target}
    return {**data, "methods": methods(found)} if is_class(found) else data


def _unknown(target):
    known = _exposed if _strict is None else _strict
    if _strict is None:
        text = "target %r is neither 'package.module:name' nor '/absolute/file.py:name', nor exposed" % target
    elif known:
        text = "%r is not exposed (strict)" % target
    else:
        text = "%r is not exposed (strict), nor is anything else: expose it in a module of preload or setup" % target
    from difflib import get_close_matches

    close = get_close_matches(target, known, 3)
    return text + ("; is it %s?" % " or ".join(map(repr, close)) if close else "")
