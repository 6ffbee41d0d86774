"""What the parent describes in its own language, as Python has it: READY tells it, and the parent compares the two."""

from difflib import get_close_matches
from inspect import getattr_static

from ._builtins import __builtins__
from ._errors import type_name
from ._signature import is_class, method, signature
from ._target import load_module

_MISSING = object()
_members = type.__dict__["__dict__"].__get__


def described(targets):
    """`target -> signature`, `absent` or `value`. What shows itself only when user code runs is left out."""
    found = {}
    for target in targets:
        try:
            place, _, name = target.rpartition(":")
            entry = _describe(load_module(place), name.split("."))
        except BaseException:  # the objects are the user's, and may answer what they like
            continue
        if entry is not None:
            found[target] = entry
    return found


def _describe(owner, path):
    for part in path[:-1]:
        owner = getattr(owner, part)
    name = path[-1]
    if is_class(owner):
        member = getattr_static(owner, name, _MISSING)
        if member is not _MISSING:
            return method(member)
        return None if _may_have(owner, name) else _absent(owner, name)
    found = getattr(owner, name, _MISSING)
    if found is _MISSING:
        return _absent(owner, name)
    return signature(found, False) if callable(found) else {"kind": "value", "type": type_name(type(found))}


def _may_have(cls, name):
    """Whether its objects may have what it has not itself: what is computed, declared, or set by its constructor."""
    for base in type.mro(cls)[:-1]:  # the last is `object`
        members = _members(base)
        code = getattr(members.get("__init__"), "__code__", None)
        if "__getattr__" in members or "__getattribute__" in members or name in members.get("__annotations__", ()):
            return True
        if code is not None and name in code.co_names:
            return True
    return False


def _absent(owner, name):
    return {"kind": "absent", "close": get_close_matches(name, [one for one in dir(owner) if one[:1] != "_"], 3)}
