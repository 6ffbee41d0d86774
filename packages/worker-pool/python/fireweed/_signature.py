"""What something is called with: its parameters, its annotations as text, its docstring, in the shape of PROTOCOL.md.

Nothing here may raise, nor run more of user code than a look at it does: the objects are the user's.
"""

from ._builtins import __builtins__
from ._errors import clip, plain, type_name

_TEXT = 4096  # characters of a docstring


def is_class(found):
    return issubclass(type(found), type)


def signature(found, bound):
    """Of one callable; `bound` leaves out the first parameter."""
    data = {"kind": _kind(found), **_parameters(found, bound)}
    doc = _doc(found)
    if doc:
        data["doc"] = doc
    return data


def methods(cls):
    """The signatures of its public methods, its bases' among them."""
    return dict(_methods(cls))


def method(member):
    """Of a member of a class, as it stands there; None if it takes a call to know what it is bound to."""
    function = member.__func__ if type(member) in _WRAPPERS else member
    return signature(function, type(member) is not staticmethod) if type(function) in _FUNCTIONS else None


def _kind(found):
    if is_class(found):
        return "class"
    import inspect

    try:
        if inspect.isasyncgenfunction(found):
            return "async-generator"
        if inspect.iscoroutinefunction(found):
            return "async"
        return "generator" if inspect.isgeneratorfunction(found) else "function"
    except BaseException:  # an object that is called, and asked for its attributes answers what it likes
        return "function"


def _parameters(found, bound):
    import inspect

    try:
        seen = inspect.signature(found)
    except BaseException:  # built in, or made to look strange: it takes whatever it takes
        return {"params": _ANYTHING}
    empty = inspect.Parameter.empty
    params = []
    for parameter in list(seen.parameters.values())[bound:]:
        one = {"name": parameter.name, "kind": _KINDS[int(parameter.kind)], "default": parameter.default is not empty}
        if parameter.annotation is not empty:
            one["annotation"] = _annotation(parameter.annotation)
        params.append(one)
    if seen.return_annotation is empty:
        return {"params": params}
    return {"params": params, "returns": _annotation(seen.return_annotation)}


_KINDS = ("positional-only", "positional-or-keyword", "var-positional", "keyword-only", "var-keyword")
_ANYTHING = [
    {"name": "args", "kind": "var-positional", "default": False},
    {"name": "kwargs", "kind": "var-keyword", "default": False},
]


def _annotation(annotation):
    """As text. One that is text already (`from __future__ import annotations`) is not evaluated."""
    if type(annotation) is str:
        return clip(annotation, _TEXT)
    if annotation is None:
        return "None"
    import inspect

    try:
        return clip(plain(inspect.formatannotation(annotation)), _TEXT)
    except BaseException:
        return type_name(type(annotation))


def _doc(found):
    try:
        doc = found.__doc__
        if type(doc) is not str:
            return None
        import inspect

        return clip(inspect.cleandoc(doc), _TEXT)
    except BaseException:
        return None


def _methods(cls):
    seen = set()
    for base in type.mro(cls):
        if base is object:
            continue
        for name, member in list(type.__dict__["__dict__"].__get__(base).items()):
            if type(name) is not str or name.startswith("_") or name in seen:
                continue
            seen.add(name)
            found = method(member)
            if found is not None:
                yield name, found


_WRAPPERS = (staticmethod, classmethod)
_FUNCTIONS = (type(signature), type(list.append))
