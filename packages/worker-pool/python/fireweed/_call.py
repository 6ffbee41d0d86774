"""What a call asks for, how it is done, and what its end means."""

from . import Cancelled, _cancel, _coroutines, _frame, _limits, _map, _sessions, _snapshots, _stream
from ._apply import apply
from ._builtins import __builtins__
from ._errors import NotLoaded, Refused, TargetError, describe, message_of, type_name
from ._target import resolve


def parse(call):
    """From the meta, every part of it checked: the deadline (ms after arrival, or None), the credit of a stream (or None), and what
    `begin` needs."""
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
    deadline, session, credit = (opts.get("deadline"), opts.get("session"), opts.get("credit")) if opts else (None,) * 3
    _expect(deadline is None or type(deadline) in (int, float), "opts.deadline", "a number")
    _expect(type(session) is str or (session is None and call.kind == _frame.CALL), "opts.session", "text")
    streams = call.kind == _frame.CALL and type(credit) is int and credit > 0
    _expect(credit is None or streams, "opts.credit", "a whole number above 0, of a CALL")
    mode = opts.get("map") if opts else None
    if mode is not None:
        maps = call.kind == _frame.CALL and type(mode) is str and mode in _map.MODES and credit is None
        _expect(maps and not (mode == "calls" and kwargs), "opts.map", '"items", or "calls" without kwargs, of a CALL')
        _expect(mode == "items" or all(map(_is_call, args)), "args", "[args, kwargs or null] for each call")
        call.map = _map.Map(mode)
    call.trace = opts.get("trace") if opts else None
    _expect(call.trace is None or type(call.trace) is str, "opts.trace", "text")
    if opts and session is not None:
        call.takes, call.restores = opts.get("snapshot", False), opts.get("restore", False)
        _expect(type(call.takes) is bool, "opts.snapshot", "true or false")
        _expect(type(call.restores) is bool and (call.kind == _frame.OPEN or not call.restores), "opts.restore", "true or false, of an OPEN")
    return deadline, credit, (target, session, None if late else (args, kwargs or {}))


def _arguments(call):
    """Those that could not be read before the target's module was loaded. A class of any other module is still refused."""
    (_, args, kwargs), _ = call.codec.decode(*call.payload)
    call.payload = None
    return args, kwargs or {}


def _is_array(value, length):
    return type(value) in (list, tuple) and len(value) == length


def _is_call(item):
    return _is_array(item, 2) and type(item[0]) in (list, tuple) and (item[1] is None or type(item[1]) is dict)


def _expect(holds, name, what):
    if not holds:
        raise Refused("%s: not %s" % (name, what))


def perform(call, target, session, arguments):
    """Everything of a call that may run user code; `Cancelled` may come at any point of it."""
    value = begin(call, target, session, arguments)
    cls, stream = type(value), call.stream
    if cls is _coroutines.Coroutine or (stream is not None and _stream.is_async(cls)):
        return _cancel.shield(_coroutines.run, finish(call, value, session), call)
    if stream is not None:
        value = _stream.drain(stream, _stream.expect(value))
    elif cls in _stream.GENERATORS:  # no function of ours is called here: user code may have left a tracer
        raise _stream.Mismatch(_stream.NOT_A_STREAM)
    if call.takes:
        try:
            state = _sessions.take(session)
            if type(state) is _coroutines.Coroutine:
                state = _cancel.shield(_coroutines.run, _awaited(state), call)
            call.taken = (_snapshots.pack(state), None)
        except BaseException as error:
            _fail_snapshot(call, error)
    return value


@_cancel.own
async def finish(call, value, session):
    """What is left to do on an event loop when the function has returned."""
    if call.map is not None:
        return await _map.finish(call, value)
    value = await _end(call, value)
    if call.takes:
        try:
            state = _cancel.enter(call, _sessions.take, session)
            if type(state) is _coroutines.Coroutine:
                state = await state
            call.taken = (_snapshots.pack(state), None)
        except BaseException as error:
            _fail_snapshot(call, error)
    return value


@_cancel.own
async def _awaited(coroutine):
    return await coroutine


def _fail_snapshot(call, error):
    """The call has its value all the same, unless it was cancelled meanwhile."""
    if _was_cancelled(call, type(error)):
        raise error
    call.taken = (None, describe(error))


@_cancel.own
async def _end(call, value):
    if type(value) is _coroutines.Coroutine:
        if call.cancelled:
            value.close()
        _cancel.check(call)
        value = await value
        if call.kind != _frame.CALL:
            return None
    if call.stream is not None:
        return await _stream.drain_async(call.stream, _stream.expect(value))
    if type(value) in _stream.GENERATORS:
        raise _stream.Mismatch(_stream.NOT_A_STREAM)
    return value


def begin(call, target, session, arguments):
    """Enter the function."""
    if call.kind == _frame.CLOSE:
        call.started = _sessions.has(session)
        return _sessions.close_session(session)
    if call.kind == _frame.OPEN:
        make = resolve(target)
        _sessions.refuse_open(session, make, call.takes or call.restores)
        args, kwargs = arguments or _arguments(call)
        if call.restores:
            _expect(len(args) > 0, "args", "a snapshot, and what the session is made from")
            state = _snapshots.unpack(_snapshots.from_wire(call.codec, args[0]))
            call.started = True
            return _sessions.restore_session(session, make, state, args[1:], kwargs)
        call.started = True
        return _sessions.open_session(session, make, args, kwargs, call.takes)
    if session is not None and target == _sessions.SNAPSHOT:
        call.started = True
        return None
    if session is None:
        function = resolve(target)
    else:
        function = _sessions.session_method(session, target)
    args, kwargs = arguments or _arguments(call)
    call.started = True
    return apply(function, args, kwargs) if call.map is None else call.map.begin(function, args, kwargs)


def verdict(call, error):
    """Code and message. Asks the type alone: the object may lie about its class."""
    cls = type(error)
    if _was_cancelled(call, cls):
        return "cancelled", "cancelled while it ran" if call.started else "cancelled before it started"
    if cls is _sessions.Unfit or (cls is TargetError and not call.started):
        return "target", str(error)
    if issubclass(cls, Refused):
        return "encode" if call.started else "decode", str(error)
    if cls is _stream.Mismatch:
        return "stream", str(error)
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


def _was_cancelled(call, cls):
    # One that user code made up is just an exception.
    return call.interrupted and (cls is Cancelled or cls is _coroutines.Interruption)


_STATED = (TargetError, _sessions.Unfit, Refused, NotLoaded, _stream.Mismatch)  # their message says it all


def report(code, started, message, error=None):
    """The meta of an ERROR frame."""
    meta = {"code": code, "started": started, "message": message}
    if error is not None and type(error) not in _STATED:
        meta["error"] = describe(error)
        if code == "oom" and not meta["error"]["message"]:
            meta["error"]["message"] = _limits.explain()
    return meta
