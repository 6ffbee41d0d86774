"""What runs around the calls: `setup` before READY, `teardown` when the worker is told to leave."""

import sys

from . import _coroutines, _lifeline, _process, _target
from ._apply import apply
from ._builtins import __builtins__
from ._errors import Refused, TargetError, message_of, type_name

_gettrace, _settrace = sys.gettrace, sys.settrace
_missing_name = ImportError.__dict__["name"].__get__
_exit_code = SystemExit.__dict__["code"].__get__

# Modules whose distribution has another name.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google.protobuf": "protobuf",
    "jwt": "pyjwt",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


class HookFailed(Refused):
    """User code around the calls raised; `cause` is what, or None if the message says it all."""

    def __init__(self, message, cause=None):
        Refused.__init__(self, message)
        self.cause = cause


class Hook:
    """A function of the user with its arguments, found when the hook is made: a wrong name shows at the start."""

    def __init__(self, name, spec):
        self._name, self._target = name, spec["target"]
        self._args, self._kwargs = spec.get("args") or [], spec.get("kwargs") or {}
        place, _, qualname = self._target.rpartition(":")
        self._function = guarded("%s %r" % (name, self._target), _target.locate, place, qualname)

    def run(self):
        """Call it, and run its coroutine if it is one. Raises `HookFailed`."""
        guarded("%s %r" % (self._name, self._target), self._call)

    def _call(self):
        value = apply(self._function, self._args, self._kwargs)
        if type(value) is _coroutines.Coroutine:
            _coroutines.run(value)


def guarded(what, function, *args):
    """Run user code that belongs to no call; `what` names it. Whatever it raises becomes `HookFailed`."""
    try:
        try:
            return function(*args)
        finally:  # as after a call
            if _gettrace() is not None:
                _settrace(None)
            if _lifeline.is_fork():
                _process.leave_fork()
    except TargetError as error:
        # The name that is wrong may be that of a module that the user has not installed yet.
        raise HookFailed("%s: %s%s" % (what, error, _fix(error.__context__))) from None
    except BaseException as error:
        cls = type(error)
        if issubclass(cls, SystemExit):
            code = _exit_code(error)
            shown = code if code is None or type(code) is int else type_name(type(code))
            raise HookFailed("%s called sys.exit(%s)" % (what, "" if shown is None else shown), error) from None
        text = message_of(error)
        raise HookFailed("%s: %s%s%s" % (what, type_name(cls), text and ": " + text, _fix(error)), error) from None


def _fix(error):
    """What to do about a module that is missing."""
    if error is None or not issubclass(type(error), ModuleNotFoundError):
        return ""
    missing = _missing_name(error)
    if type(missing) is not str:
        return ""
    top = missing.partition(".")[0]
    if missing not in _DISTRIBUTIONS and (missing != top or top.startswith("_")):
        return "; add the folder that has it to pythonPath"
    name = _DISTRIBUTIONS.get(missing, top.replace("_", "-"))
    return "; run `%s -m pip install %s`, or add the folder that has it to pythonPath" % (sys.executable or "python", name)
