"""The worker: a reader thread that never blocks on user code, and the main thread, which runs one call after another.

    fd 3 -> reader thread -> queue -> main thread -> fd 4

The reader answers PING, marks what CANCEL names, and ends the group at the end of the stream. A call waits in `waiting`
until one of the two takes it out: the main thread to run it, or the reader to drop it. Both use `dict.pop`, which is
atomic, so each call gets one terminal frame, from whoever took it; all others come from the main thread.
"""

import os
import sys
import time
from _queue import SimpleQueue
from _thread import get_ident, start_new_thread

from . import _call, _callback, _cancel, _frame, _hooks, _lifeline, _logs, _preload, _process, _registry, _target, _wire
from ._codec import CODECS, Json
from ._errors import Refused, describe, message_of, type_name

try:
    from _signal import SIG_BLOCK, pthread_sigmask
except ImportError:  # Windows
    pthread_sigmask = None

FRAMES_IN, FRAMES_OUT, LIFELINE = 3, 4, 5
_FATAL_STATUS = 79

_now, _exit = time.monotonic, os._exit
_gettrace, _settrace = sys.gettrace, sys.settrace


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
        self._queue = SimpleQueue()  # of calls; None is SHUTDOWN
        self._waiting = {}  # id -> call; see the top of this file
        self._callbacks = _callback.Port(wire, self._running)
        self._logs = _logs.Logs(self._send, self._running_here)
        self._main = get_ident()
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
        limit = (init.get("limits") or {}).get("frame")
        if limit is not None:
            self._wire.limit = int(limit)
        sys.path[0:0] = [str(folder) for folder in init.get("path") or ()]
        start_new_thread(self._read, ())
        self._prepare(init)
        self._phase = "runtime"
        exports = _registry.exports()
        self._logs.flush()
        self._send(_frame.READY, 0, {"ms": round((_now() - began) * 1000, 3), "exports": exports})

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
            if pthread_sigmask is not None:  # the doorbell is for the main thread
                pthread_sigmask(SIG_BLOCK, (_cancel.DOORBELL,))
            while True:
                kind, flags, call_id, *payload = self._wire.receive()
                if kind in (_frame.CALL, _frame.OPEN, _frame.CLOSE):
                    self._accept(kind, flags, call_id, payload)
                elif kind == _frame.CANCEL:
                    self._cancel(call_id, recall=len(payload[0]) > 0)
                elif kind in (_frame.CALLBACK_RESULT, _frame.CALLBACK_ERROR):
                    self._callbacks.answer(kind, _codec(flags), call_id, payload)
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

    def _accept(self, kind, flags, call_id, payload):
        running = self._bell.running
        if call_id == 0 or call_id in self._waiting or (running is not None and running.id == call_id):
            raise _frame.Violation("the id %d of a call is 0 or in use" % call_id)
        call = _cancel.Call(kind, call_id, _codec(flags), payload, _now())
        self._waiting[call_id] = call
        self._queue.put(call)

    def _cancel(self, call_id, recall):
        call = self._waiting.pop(call_id, None)
        if call is not None:
            call.payload = None  # it stays in the queue for a while
            self._send(_frame.ERROR, call_id, _call.report("cancelled", False, "cancelled before it started"))
            return
        call = self._bell.running
        if call is not None and call.id == call_id and not recall:
            self._bell.cancel(call)
            self._callbacks.end(call)

    def _pulse(self):
        call = self._bell.running
        busy, began = (None, None) if call is None else (call.id, call.began)
        ms = 0 if began is None else round((_now() - began) * 1000, 3)
        return {"busy": busy, "ms": ms, **_process.vitals()}

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
            self._callbacks.end(call)
            self._logs.flush()
            self._wire.deliver(*reply)
            call = reply = None  # an idle worker keeps no arguments and no result alive
        self._leave()
        _process.flush()
        self._logs.flush(1)
        self._send(_frame.BYE, 0)
        self._wire.finish(10)
        _exit(0)  # not a normal exit: that would wait for the threads and hooks of user code

    def _answer(self, call):
        """The one terminal frame of a call."""
        codec = call.codec
        try:
            deadline, work = _call.parse(call)
            if deadline is not None and (_now() - call.arrived) * 1000 >= deadline:
                return self._failure(call, "deadline", "its deadline passed before it started")
        except Refused as error:
            return self._failure(call, "decode", str(error))
        except MemoryError as error:
            return self._failure(call, "oom", "no memory to decode the arguments", error)
        try:
            try:
                value = _cancel.enter(call, _call.perform, call, *work)
            finally:
                # Before anything of ours is called: what user code left behind must not run in the runtime.
                if _gettrace() is not None:
                    _settrace(None)
                if _lifeline.is_fork():
                    _process.leave_fork()
                self._bell.install()
        except BaseException as error:
            return self._failure(call, *_call.verdict(call, error), error)
        try:
            payload = codec.encode(value, "result")
        except Refused as error:
            return self._failure(call, "encode", str(error))
        except MemoryError as error:
            return self._failure(call, "oom", "no memory to encode the result", error)
        size = _frame.size(*payload)
        if size > self._wire.limit:
            text = "result: %d bytes, the limit of a frame is %d" % (size, self._wire.limit)
            return self._failure(call, "encode", text)
        return (_frame.RESULT, call.id, codec.flags, *payload)

    def _leave(self):
        """What `teardown` does is the user's; an exception of it is told, and ends nothing."""
        try:
            if self._teardown:
                self._teardown.run()
        except _hooks.HookFailed as error:
            self._logs.report("fireweed.teardown", str(error), error.cause)

    def _failure(self, call, code, message, error=None):
        report = _call.report(code, call.started, message, error)
        return (_frame.ERROR, call.id, Json.flags, *Json.encode(report))

    def _running(self):
        return self._bell.running

    def _running_here(self):
        return self._bell.running if get_ident() == self._main else None

    def _send(self, kind, call_id, value=None):
        self._wire.send(kind, call_id, Json.flags, *(() if value is None else Json.encode(value)))


def _codec(flags):
    return CODECS[flags & 1]
