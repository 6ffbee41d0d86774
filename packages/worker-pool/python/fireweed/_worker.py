"""The worker: a reader thread that never blocks on user code, and the main thread, which runs one call after another.

    fd 3 -> reader thread -> queue -> main thread -> fd 4

The reader answers PING, marks what CANCEL names, and ends the group at the end of the stream. A call waits in `waiting`
until one of the two takes it out: the main thread to run it, or the reader to drop it. Both use `dict.pop`, which is
atomic, so each call gets one terminal frame, from whoever took it; all others come from the main thread.
"""

import faulthandler
import os
import sys
import time
from _queue import SimpleQueue
from _signal import SIG_IGN, signal
from _thread import _count, start_new_thread

from . import Cancelled, __version__, _cancel, _coroutines, _frame, _lifeline, _sessions, _wire
from ._codec import CODECS, Json, Refused
from ._errors import describe, message_of, type_name
from ._target import TargetError, resolve

try:
    from _signal import SIG_BLOCK, pthread_sigmask
except ImportError:  # Windows
    pthread_sigmask = None

FRAMES_IN, FRAMES_OUT, LIFELINE = 3, 4, 5
_INIT_FAILED = 79

_now, _exit, _pread = time.monotonic, os._exit, getattr(os, "pread", None)
_gettrace, _settrace = sys.gettrace, sys.settrace
_stdout, _stderr = sys.stdout, sys.stderr
_excepthook, _exc_info = sys.excepthook, sys.exc_info


def main():
    began = _now()
    try:
        worker = Worker(_wire.Wire(_wire.claim(FRAMES_IN), _wire.claim(FRAMES_OUT)))
    except OSError:
        sys.exit("fireweed: this program is started by a worker pool, which opens descriptors 3, 4 and 5 for it")
    try:
        worker.start(began)
        worker.run()
    except _wire.Closed:
        _lifeline.die()
    except BaseException as error:
        worker.fatal(error)


class Worker:
    def __init__(self, wire):
        self._wire = wire
        self._bell = _cancel.Doorbell()
        self._queue = SimpleQueue()  # of calls; None is SHUTDOWN
        self._waiting = {}  # id -> call; see the top of this file
        self._phase = "init"
        self._statm = None

    # ---------------------------------------------------------------- start and end

    def start(self, began):
        """From here on the process is a worker: shake hands, then start the reader thread."""
        token = os.environ.pop("FIREWEED_TOKEN", "")
        _lifeline.lead_group()
        try:
            _lifeline.arm(_wire.claim(LIFELINE))
        except OSError:  # none was given; the end of the stream still ends us, if later
            pass
        _prepare_process()
        self._bell.install()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._wire.abandon)
        try:
            self._statm = _wire.claim(os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC))
        except (OSError, AttributeError):
            pass
        self._send(_frame.HELLO, 0, _hello(token))

        kind, flags, _, body = self._wire.receive()
        if kind != _frame.INIT:
            raise _frame.Violation("kind 0x%02x before INIT" % kind)
        init = _codec(flags).decode(body)
        if type(init) is not dict or init.get("proto") != _frame.PROTO:
            raise _frame.Violation("INIT must be an object with proto %d" % _frame.PROTO)
        limit = (init.get("limits") or {}).get("frame")
        if limit is not None:
            self._wire.limit = int(limit)
        sys.path[0:0] = [str(folder) for folder in init.get("path") or ()]
        start_new_thread(self._read, ())
        self._phase = "runtime"
        self._send(_frame.READY, 0, {"ms": round((_now() - began) * 1000, 3)})

    def fatal(self, error):
        """Say why, and leave. Either thread; the other may be anywhere."""
        if _lifeline.is_fork():
            _exit(1)
        stated = isinstance(error, (_frame.Violation, Refused))
        report = {"phase": self._phase, "message": message_of(error) if stated else type_name(type(error))}
        if not stated:
            report["error"] = describe(error)
        try:
            self._send(_frame.FATAL, 0, report)
            self._wire.finish(1)
        except _wire.Closed:
            pass
        _flush()
        _exit(_INIT_FAILED)

    # ---------------------------------------------------------------- reader thread

    def _read(self):
        try:
            if pthread_sigmask is not None:  # the doorbell is for the main thread
                pthread_sigmask(SIG_BLOCK, (_cancel.DOORBELL,))
            while True:
                kind, flags, call_id, body = self._wire.receive()
                if kind in (_frame.CALL, _frame.OPEN, _frame.CLOSE):
                    self._accept(kind, flags, call_id, body)
                elif kind == _frame.CANCEL:
                    self._cancel(call_id)
                elif kind == _frame.PING:
                    self._send(_frame.PONG, call_id, self._pulse())
                elif kind == _frame.SHUTDOWN:
                    self._queue.put(None)
                elif kind == _frame.INIT:
                    raise _frame.Violation("a second INIT")
        except _wire.Closed:
            _lifeline.die()
        except BaseException as error:
            self.fatal(error)

    def _accept(self, kind, flags, call_id, body):
        running = self._bell.running
        if call_id == 0 or call_id in self._waiting or (running is not None and running.id == call_id):
            raise _frame.Violation("the id %d of a call is 0 or in use" % call_id)
        call = _cancel.Call(kind, call_id, _codec(flags), body, _now())
        self._waiting[call_id] = call
        self._queue.put(call)

    def _cancel(self, call_id):
        call = self._waiting.pop(call_id, None)
        if call is not None:
            self._send(_frame.ERROR, call_id, _error("cancelled", False, "cancelled before it started"))
            return
        call = self._bell.running
        if call is not None and call.id == call_id:
            call.cancelled = True
            self._bell.ring()

    def _pulse(self):
        call = self._bell.running
        busy, began = (None, None) if call is None else (call.id, call.began)
        ms = 0 if began is None else round((_now() - began) * 1000, 3)
        return {"busy": busy, "ms": ms, "rss": _rss(self._statm), "threads": _count() + 1}

    # ---------------------------------------------------------------- main thread

    def run(self):
        bell, waiting, take = self._bell, self._waiting, self._queue.get
        while True:
            call = take()
            if call is None:
                break
            # First `running`, then out of `waiting`: a CANCEL at any moment finds the call in one of the two.
            call.began = _now()
            bell.running = call
            if waiting.pop(call.id, None) is None:
                bell.running = None
                continue
            reply = self._answer(call)
            bell.running = None
            self._wire.send(*reply)
            call = reply = None  # an idle worker keeps no arguments and no result alive
        _flush()
        self._send(_frame.BYE, 0)
        self._wire.finish(10)
        _exit(0)  # not a normal exit: that would wait for the threads and hooks of user code

    def _answer(self, call):
        """The one terminal frame of a call."""
        codec = call.codec
        try:
            work = _parse(call)
            if work.deadline is not None and (_now() - call.arrived) * 1000 >= work.deadline:
                return self._failure(call, "deadline", "its deadline passed before it started")
        except Refused as error:
            return self._failure(call, "decode", str(error))
        except MemoryError as error:
            return self._failure(call, "oom", "no memory to decode the arguments", error)
        try:
            try:
                value = _cancel.enter(call, _perform, call, work)
            finally:
                # Before anything of ours is called: what user code left behind must not run in the runtime.
                if _gettrace() is not None:
                    _settrace(None)
                if _lifeline.is_fork():
                    _leave_fork()
                self._bell.install()
        except BaseException as error:
            return self._failure(call, *_verdict(call, error), error)
        try:
            meta = codec.encode(value, "result")
        except Refused as error:
            return self._failure(call, "encode", str(error))
        except MemoryError as error:
            return self._failure(call, "oom", "no memory to encode the result", error)
        if len(meta) > self._wire.limit:
            text = "result: %d bytes, the limit of a frame is %d" % (len(meta), self._wire.limit)
            return self._failure(call, "encode", text)
        return _frame.RESULT, call.id, codec.flags, meta

    def _failure(self, call, code, message, error=None):
        return _frame.ERROR, call.id, Json.flags, Json.encode(_error(code, call.started, message, error))

    def _send(self, kind, call_id, value=None):
        self._wire.send(kind, call_id, Json.flags, b"" if value is None else Json.encode(value))


# -------------------------------------------------------------------- what a call asks for


class Work:
    __slots__ = ("args", "deadline", "kwargs", "session", "target")

    def __init__(self, target, args, kwargs, deadline, session):
        self.target, self.args, self.kwargs, self.deadline, self.session = target, args, kwargs, deadline, session


def _parse(call):
    """The decoded meta of a call, every part of it checked. Raises `Refused`."""
    meta = call.codec.decode(call.body)
    call.body = None
    if call.kind == _frame.CLOSE:
        target, args, kwargs, opts = None, [], None, meta
    elif type(meta) is list and len(meta) == 4:
        target, args, kwargs, opts = meta
        _expect(type(target) is str, "target", "text")
    else:
        raise Refused("call: not [target, args, kwargs, opts]")
    _expect(type(args) is list, "args", "an array")
    _expect(kwargs is None or type(kwargs) is dict, "kwargs", "an object or null")
    _expect(opts is None or type(opts) is dict, "opts", "an object or null")
    deadline, session = (opts.get("deadline"), opts.get("session")) if opts else (None, None)
    _expect(deadline is None or type(deadline) in (int, float), "opts.deadline", "a number")
    _expect(type(session) is str or (session is None and call.kind == _frame.CALL), "opts.session", "text")
    return Work(target, args, kwargs or {}, deadline, session)


def _expect(holds, name, what):
    if not holds:
        raise Refused("%s: not %s" % (name, what))


def _perform(call, work):
    """Everything of a call that may run user code; `Cancelled` may come at any point of it."""
    if call.kind == _frame.CLOSE:
        call.started = _sessions.has(work.session)
        return _sessions.close_session(work.session)
    if call.kind == _frame.OPEN:
        make = resolve(work.target)
        _sessions.refuse_open(work.session)
        call.started = True
        return _sessions.open_session(work.session, make, work.args, work.kwargs)
    if work.session is None:
        function = resolve(work.target)
    else:
        function = _sessions.session_method(work.session, work.target)
    call.started = True
    value = function(*work.args, **work.kwargs)
    return _coroutines.run(value) if type(value) is _coroutines.Coroutine else value


def _verdict(call, error):
    """Code and message. Asks the type alone: the object may lie about its class."""
    cls = type(error)
    if call.interrupted and cls is Cancelled:  # one that user code made up is just an exception
        return "cancelled", "cancelled while it ran" if call.started else "cancelled before it started"
    if cls is TargetError and not call.started:
        return "target", str(error)
    if issubclass(cls, SystemExit):
        status = SystemExit.__dict__["code"].__get__(error)
        return "exit", "sys.exit(%s)" % (status if type(status) in (int, type(None)) else type_name(type(status)))
    if issubclass(cls, KeyboardInterrupt):
        return "interrupt", "KeyboardInterrupt"
    if issubclass(cls, MemoryError):
        return "oom", "MemoryError"
    text = message_of(error)
    return "raised", "%s: %s" % (type_name(cls), text) if text else type_name(cls)


def _error(code, started, message, error=None):
    report = {"code": code, "started": started, "message": message}
    if error is not None and type(error) is not TargetError:
        report["error"] = describe(error)
    return report


def _codec(flags):
    codec = CODECS.get(flags & 1)
    if codec is None:
        raise _frame.Violation("codec %d is not spoken here" % (flags & 1))
    return codec


# -------------------------------------------------------------------- the process


def _hello(token):
    return {
        "proto": _frame.PROTO,
        "runtime": __version__,
        "python": list(sys.version_info[:3]),
        "impl": sys.implementation.name,
        "exe": sys.executable or "",
        "pid": _lifeline.PID,
        "ppid": os.getppid(),
        "platform": sys.platform,
        "token": token,
        "codecs": [codec.name for codec in CODECS.values()],
    }


def _prepare_process():
    for stream in (_stdout, _stderr):
        try:  # what is printed is a log line at once, and printing never fails for its text
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        except (AttributeError, ValueError):  # None, or put there by a sitecustomize
            pass
    faulthandler.enable(2)
    if not _cancel.PORTABLE:
        signal(2, SIG_IGN)  # SIGINT: Ctrl-C is the parent's business


def _rss(statm):
    if statm is None:
        return None
    try:
        return int(_pread(statm, 64, 0).split()[1]) * _page
    except (OSError, IndexError, ValueError):
        return None


_page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _flush():
    for stream in (sys.stdout, sys.stderr, _stdout, _stderr):
        try:
            stream.flush()
        except BaseException:  # closed, replaced or None
            pass


def _leave_fork():
    """A copy of the worker has come back from user code: it ends here as a Python program would, and touches no frame."""
    status, error = 0, _exc_info()[1]
    if error is not None:
        status = 1
        if issubclass(type(error), SystemExit):
            code = SystemExit.__dict__["code"].__get__(error)
            status = code & 0xFF if type(code) is int else int(code is not None)
        else:
            try:
                _excepthook(type(error), error, error.__traceback__)
            except BaseException:
                pass
    _flush()
    _exit(status)
