"""The worker: a reader thread that never blocks on user code, and the main thread, which runs the calls.

    fd 3 -> reader thread -> executor -> main thread -> fd 4

The reader answers PING, marks what CANCEL names, hands on CREDIT, and ends the group at the end of the stream.
"""

import os
import sys
import time

from . import _call, _callback, _cancel, _frame, _hooks, _lifeline, _limits, _logs, _preload, _process, _registry, _target
from . import _vitals, _wire
from ._builtins import __builtins__
from ._codec import CODECS, Json
from ._errors import Refused, describe, message_of, type_name
from ._serial import Serial

FRAMES_IN, FRAMES_OUT, LIFELINE = 3, 4, 5
_FATAL_STATUS = 79

_now, _exit = time.monotonic, os._exit


def main(began, frames_in=FRAMES_IN, frames_out=FRAMES_OUT, lifeline=LIFELINE):
    """Be a worker until the end. `began` is the monotonic time at which the program started."""
    try:
        worker = Worker(_wire.Wire(_wire.claim(frames_in), _wire.claim(frames_out)))
    except OSError:
        sys.exit("fireweed: this program is started by a worker pool, which opens descriptors 3, 4 and 5 for it")
    try:
        worker.start(began, lifeline)
        worker.run()
    except _wire.Closed:
        _lifeline.die()
    except BaseException as error:
        worker.fatal(error)


class Worker:
    def __init__(self, wire):
        self._wire = wire
        self._bell = _cancel.Doorbell()
        self._executor = None
        self._callbacks = _callback.Port(wire, lambda: self._executor.current())
        self._logs = _logs.Logs(self._send, lambda: self._executor and self._executor.current_here())
        self._teardown = None
        self._phase = "init"

    # ---------------------------------------------------------------- start and end

    def start(self, began, lifeline):
        """From here on the process is a worker: shake hands, then start the reader thread."""
        token = os.environ.pop("FIREWEED_TOKEN", "")
        _lifeline.lead_group()
        try:
            _lifeline.arm(_wire.claim(lifeline))
        except OSError:  # none was given; the end of the stream still ends us, if later
            pass
        _process.prepare()
        _vitals.prepare()
        self._bell.install()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._wire.abandon)
        self._send(_frame.HELLO, 0, _process.hello(token, [codec.name for codec in CODECS.values()]))

        kind, flags, _, *payload = self._wire.receive()
        if kind != _frame.INIT:
            raise _frame.Violation("kind 0x%02x before INIT" % kind)
        init = _codec(flags).decode(*payload)
        if type(init) is not dict or init.get("proto") != _frame.PROTO:
            raise _frame.Violation("INIT must be an object with proto %d" % _frame.PROTO)
        limits = init.get("limits") or {}
        if limits.get("frame") is not None:
            self._wire.limit = int(limits["frame"])
        sys.path[0:0] = [str(folder) for folder in init.get("path") or ()]
        self._executor = _executor(init.get("concurrency"))(self._wire, self._bell, self._end)
        _cancel.start_thread(self._read)
        self._prepare(init)
        ready = {"exports": _registry.exports(), **_described(init.get("describe"))}
        if limits.get("memory") is not None:  # what the start needs is not held against the calls
            _limits.set_memory(int(limits["memory"]))
        reporter = self._executor.reporter = _vitals.Reporter(self._bell.helpers)
        self._phase = "runtime"
        self._logs.flush()
        self._send(_frame.READY, 0, {"ms": round((_now() - began) * 1000, 3), **ready})
        self._send(_frame.REPORT, 0, reporter.changes())

    def _prepare(self, init):
        """What the parent asks for beside calls, the hooks of user code among it."""
        if init.get("logs") is not None:
            self._logs.install(int(init["logs"]))
        _preload.preload(init.get("preload") or ())
        if init.get("setup"):
            _hooks.Hook("setup", init["setup"]).run()
        if init.get("teardown"):
            self._teardown = _hooks.Hook("teardown", init["teardown"])
        self._bell.install()
        if init.get("strict"):
            _registry.restrict()
            _target.forget()
        self._callbacks.open(init.get("callbacks") or ())

    def fatal(self, error):
        """Say why, and leave. Either thread; the other may be anywhere."""
        if _lifeline.is_fork():
            _exit(1)
        stated = isinstance(error, (_frame.Violation, Refused))
        report = {"phase": self._phase, "message": message_of(error) if stated else type_name(type(error))}
        cause = error.cause if type(error) is _hooks.HookFailed else None if stated else error
        if cause is not None:
            report["error"] = describe(cause)
        try:
            self._logs.flush(1)
            self._send(_frame.FATAL, 0, report)
            self._wire.finish(1)
        except _wire.Closed:
            pass
        _process.flush()
        _exit(_FATAL_STATUS)

    # ---------------------------------------------------------------- reader thread

    def _read(self):
        try:
            while True:
                _limits.again()
                kind, flags, call_id, *payload = self._wire.receive()
                if kind in (_frame.CALL, _frame.OPEN, _frame.CLOSE):
                    self._accept(kind, flags, call_id, payload)
                elif kind == _frame.CANCEL:
                    self._cancel(call_id, recall=len(payload[0]) > 0)
                elif kind in (_frame.CALLBACK_RESULT, _frame.CALLBACK_ERROR):
                    self._callbacks.answer(kind, _codec(flags), call_id, payload)
                elif kind == _frame.PING:
                    self._send(_frame.PONG, call_id, self._pulse())
                elif kind == _frame.CREDIT:
                    self._credit(call_id, _codec(flags).decode(*payload))
                elif kind == _frame.SHUTDOWN:
                    self._executor.stop()
                elif kind == _frame.INIT:
                    raise _frame.Violation("a second INIT")
        except _wire.Closed:
            _lifeline.die()
        except BaseException as error:
            self.fatal(error)

    def _accept(self, kind, flags, call_id, payload):
        if call_id == 0 or call_id in self._executor.waiting or self._executor.find(call_id) is not None:
            raise _frame.Violation("the id %d of a call is 0 or in use" % call_id)
        if payload[0] is None:
            report = _call.report("oom", False, "no memory to receive the arguments", MemoryError(_limits.explain()))
            self._send(_frame.ERROR, call_id, report)
            return
        self._executor.put(_cancel.Call(kind, call_id, _codec(flags), payload, _now()))

    def _cancel(self, call_id, recall):
        call = self._executor.waiting.pop(call_id, None)
        if call is not None:
            call.payload = None  # it stays in the queue for a while
            self._send(_frame.ERROR, call_id, _call.report("cancelled", False, "cancelled before it started"))
            return
        call = self._executor.find(call_id)
        if call is not None and not recall:
            self._executor.cancel(call)
            self._callbacks.end(call)

    def _credit(self, call_id, count):
        if type(count) is not int or count < 1:
            raise _frame.Violation("CREDIT must be a whole number above 0")
        call = self._executor.find(call_id)
        if call is not None and call.stream is not None:
            call.stream.grant(count)

    def _pulse(self):
        call = next(iter(self._executor.running()), None)
        busy, began = (None, None) if call is None else (call.id, call.began)
        ms = 0 if began is None else round((_now() - began) * 1000, 3)
        return {"busy": busy, "ms": ms, **_vitals.pulse()}

    # ---------------------------------------------------------------- main thread

    def run(self):
        self._executor.run()
        self._leave()
        _process.flush()
        self._logs.flush(1)
        self._send(_frame.BYE, 0)
        self._wire.finish(10)
        _exit(0)  # not a normal exit: that would wait for the threads and hooks of user code

    def _leave(self):
        """What `teardown` does is the user's; an exception of it is told, and ends nothing."""
        try:
            if self._teardown:
                self._teardown.run()
        except _hooks.HookFailed as error:
            self._logs.report("fireweed.teardown", str(error), error.cause)

    def _end(self, call):
        self._callbacks.end(call)
        self._logs.flush()

    def _send(self, kind, call_id, value=None):
        self._wire.send(kind, call_id, Json.flags, *(() if value is None else Json.encode(value)))


def _codec(flags):
    return CODECS[flags & 1]


def _described(targets):
    if not targets:
        return {}
    from ._described import described  # imports inspect: milliseconds, so only for those who need it

    return {"described": described(targets)}


def _executor(concurrency):
    if concurrency is None or concurrency == 1:
        return Serial
    if type(concurrency) is not int or concurrency < 1:
        raise _frame.Violation("INIT: concurrency must be a whole number above 0")
    from ._concurrent import Concurrent  # imports asyncio: tens of milliseconds, so only for those who need it

    return Concurrent
