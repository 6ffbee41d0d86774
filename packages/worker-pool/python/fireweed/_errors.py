"""An exception as plain data, in the shape of PROTOCOL.md.

Exceptions are user objects: their class may override anything, and may mean harm. So nothing here asks the object;
fields are read through the descriptors of the built-in classes, and the one method that has to be called, `__str__`,
is called under guard.
"""

import sys
from linecache import getline

from ._builtins import __builtins__

_DEPTH, _TOTAL, _FRAMES, _GROUP, _NOTES, _TEXT = 8, 64, 64, 32, 16, 64 * 1024
_RUNTIME = __file__[: -len("_errors.py")]
_LINKS = (
    ("cause", "The above exception was the direct cause of the following exception:"),
    ("context", "During handling of the above exception, another exception occurred:"),
)
_group_class = getattr(sys.modules["builtins"], "BaseExceptionGroup", None)  # 3.11

_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_suppressed = BaseException.__dict__["__suppress_context__"].__get__
_dict = BaseException.__dict__["__dict__"].__get__
_errno = OSError.__dict__["errno"].__get__
_syntax = {
    "file": SyntaxError.__dict__["filename"].__get__,
    "line": SyntaxError.__dict__["lineno"].__get__,
    "offset": SyntaxError.__dict__["offset"].__get__,
    "text": SyntaxError.__dict__["text"].__get__,
}


class Refused(Exception):
    """A codec cannot carry a value, or cannot read one. The message has the path to it, and its type."""


class NotLoaded(Refused):
    """It could be read if a certain module were loaded."""


class TargetError(Exception):
    """There is nothing to call under that name."""


def type_name(cls):
    """`module.Qual.name` of a class, or the name alone for a built-in one."""
    try:
        name, module = plain(_qualname(cls)), plain(_module(cls))
        return name if module == "builtins" else "%s.%s" % (module, name)
    except BaseException:
        return "<unprintable>"


def message_of(error):
    try:
        return clip(plain(type(error).__str__(error)), _TEXT)
    except BaseException:
        return "<unprintable>"


def describe(error):
    """The exception with what caused it. Never raises; bounded in depth, number and text."""
    try:
        return _describe(error, 1, set())
    except BaseException:  # no memory or no stack left: the type is better than nothing
        return {"type": type_name(type(error)), "message": "<unprintable>", "frames": []}


def printed(error):
    """The exception with its traceback as one text, much as Python prints it. Never raises; bounded."""
    return clip("\n".join(_lines(describe(error))), _TEXT)


def plain(text):
    """A `str` as exactly a `str`; anything else is refused."""
    return str.__str__(text)


def clip(text, limit):
    return text if len(text) <= limit else "%s... (%d more)" % (text[: limit - 24], len(text) - limit + 24)


def _describe(error, depth, seen):
    seen.add(id(error))
    cls = type(error)
    data = {"type": clip(type_name(cls), 1000), "message": message_of(error), "frames": _frames(_traceback(error))}
    fields = _dict(error)
    notes = fields.get("__notes__") if type(fields) is dict else None
    if type(notes) in (list, tuple):
        data["notes"] = [clip(note, _TEXT // _NOTES) if type(note) is str else _shown(note) for note in notes[:_NOTES]]
    if issubclass(cls, SyntaxError):
        data["syntax"] = {name: _scalar(get(error)) for name, get in _syntax.items()}
    if issubclass(cls, OSError) and type(_errno(error)) is int:
        data["errno"] = _errno(error)

    def add(key, other):
        if other is not None and id(other) not in seen and depth < _DEPTH and len(seen) < _TOTAL:
            data[key] = _describe(other, depth + 1, seen)

    cause = _cause(error)
    add("cause", cause)
    if cause is None and not _suppressed(error):
        add("context", _context(error))
    if _group_class is not None and issubclass(cls, _group_class) and depth < _DEPTH:
        members = _group_class.__dict__["exceptions"].__get__(error)
        fresh = (e for e in members[:_GROUP] if id(e) not in seen and len(seen) < _TOTAL)
        data["group"] = [_describe(e, depth + 1, seen) for e in fresh]
    return data


def _frames(traceback):
    """Outermost first. A long traceback, as of endless recursion, keeps its two ends."""
    first, last, count = [], [], 0
    half = _FRAMES // 2
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_RUNTIME):
            count += 1
            if count <= half:
                first.append(traceback)
            else:
                last.append(traceback)
                if len(last) > half:
                    del last[0]
        traceback = traceback.tb_next
    return [_frame(one) for one in first + last]


def _frame(traceback):
    frame, line = traceback.tb_frame, traceback.tb_lineno or 0
    code = frame.f_code
    try:
        source = clip(getline(code.co_filename, line, frame.f_globals).strip(), 1000)
    except BaseException:  # the module's loader is user code, too
        source = ""
    return [clip(code.co_filename, 4096), line, clip(code.co_name, 1000), source]


def _lines(data):
    for key, text in _LINKS:
        if key in data:
            yield from _lines(data[key])
            yield "\n%s\n" % text
    if data["frames"]:
        yield "Traceback (most recent call last):"
    for file, line, name, source in data["frames"]:
        yield '  File "%s", line %d, in %s' % (file, line, name) + ("\n    " + source if source else "")
    yield "%s: %s" % (data["type"], data["message"]) if data["message"] else data["type"]
    yield from data.get("notes", ())
    for number, member in enumerate(data.get("group", ()), 1):
        yield "  +---- %d ----" % number
        yield from ("  | " + line for line in "\n".join(_lines(member)).split("\n"))


def _scalar(value):
    if type(value) is str:
        return clip(value, 4096)
    return value if type(value) is int and abs(value) < 2**31 else None


def _shown(value):
    return "<%s>" % type_name(type(value))
