"""What a call asks for, how it is done, and what its end means."""

from . import Cancelled, _coroutines, _frame, _sessions
from ._errors import NotLoaded, Refused, TargetError, describe, message_of, type_name
from ._target import resolve


def parse(call):
    """From the meta, every part of it checked: the deadline (ms after arrival, or None), and what `perform` needs."""
    late = False
    try:
        meta = call.codec.decode(*call.payload)
        call.payload = None
    except NotLoaded:  # likely a class of the target's own module, which nobody has asked for so far
        meta, late = call.codec.outline(*call.payload), True
    if call.kind == _frame.CLOSE:
        target, args, kwargs, opts = None, [], None, meta
    else:
        _expect(_is_array(meta, 2) and _is_array(meta[0], 3), "call", "[[target, args, kwargs], opts]")
        (target, args, kwargs), opts = meta
        _expect(type(target) is str, "target", "text")
    _expect(type(args) in (list, tuple), "args", "an array")
    _expect(kwargs is None or type(kwargs) is dict, "kwargs", "an object or null")
    _expect(opts is None or type(opts) is dict, "opts", "an object or null")
    deadline, session = (opts.get("deadline"), opts.get("session")) if opts else (None, None)
    _expect(deadline is None or type(deadline) in (int, float), "opts.deadline", "a number")
    _expect(type(session) is str or (session is None and call.kind == _frame.CALL), "opts.session", "text")
    return deadline, (target, session, None if late else (args, kwargs or {}))


def _arguments(call):
    """Those that could not be read before the target's module was loaded. A class of any other module is still refused."""
    (_, args, kwargs), _ = call.codec.decode(*call.payload)
    call.payload = None
    return args, kwargs or {}


def _is_array(value, length):
    return type(value) in (list, tuple) and len(value) == length


def _expect(holds, name, what):
    if not holds:
        raise Refused("%s: not %s" % (name, what))


def perform(call, target, session, arguments):
    """Everything of a call that may run user code; `Cancelled` may come at any point of it."""
    if call.kind == _frame.CLOSE:
        call.started = _sessions.has(session)
        return _sessions.close_session(session)
    if call.kind == _frame.OPEN:
        make = resolve(target)
        _sessions.refuse_open(session, make)
        args, kwargs = arguments or _arguments(call)
        call.started = True
        return _sessions.open_session(session, make, args, kwargs)
    if session is None:
        function = resolve(target)
    else:
        function = _sessions.session_method(session, target)
    args, kwargs = arguments or _arguments(call)
    call.started = True
    value = function(*args, **kwargs)
    return _coroutines.run(value) if type(value) is _coroutines.Coroutine else value


def verdict(call, error):
    """Code and message. Asks the type alone: the object may lie about its class."""
    cls = type(error)
    if call.interrupted and cls is Cancelled:  # one that user code made up is just an exception
        return "cancelled", "cancelled while it ran" if call.started else "cancelled before it started"
    if cls is TargetError and not call.started:
        return "target", str(error)
    if issubclass(cls, Refused) and not call.started:
        return "decode", str(error)
    if issubclass(cls, SystemExit):
        status = SystemExit.__dict__["code"].__get__(error)
        simple = status is None or (type(status) is int and abs(status) < 2**31)
        return "exit", "sys.exit(%s)" % (status if simple else type_name(type(status)))
    if issubclass(cls, KeyboardInterrupt):
        return "interrupt", "KeyboardInterrupt"
    if issubclass(cls, MemoryError):
        return "oom", "MemoryError"
    text = message_of(error)
    return "raised", "%s: %s" % (type_name(cls), text) if text else type_name(cls)


_STATED = (TargetError, Refused, NotLoaded)  # their message says it all


def report(code, started, message, error=None):
    """The meta of an ERROR frame."""
    meta = {"code": code, "started": started, "message": message}
    if error is not None and type(error) not in _STATED:
        meta["error"] = describe(error)
    return meta
