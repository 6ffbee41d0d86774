"""From a call to its one terminal frame: what running one after another and running many at once have in common.

A call waits in `waiting` until one of two takes it out: the main thread to run it, or the reader thread to drop it. Both use
`dict.pop`, which is atomic, so each call gets one terminal frame, from whoever took it.
"""

import time

from . import _call, _frame, _lifeline, _limits, _map, _process, _snapshots, _stream
from ._builtins import __builtins__
from ._codec import Json
from ._errors import Refused

_now = time.monotonic


class Executor:
    """Runs calls. `run` belongs to the main thread and ends after `stop`; `put`, `stop`, `find` and `cancel` to the reader
    thread. `end(call)` is called in the main thread before a call is answered.
    """

    def __init__(self, wire, bell, end):
        self._wire, self._bell, self._end = wire, bell, end
        self.waiting = {}  # id -> call
        self.reporter = None  # set before `run`

    def put(self, call):
        """One more call."""
        raise NotImplementedError

    def stop(self):
        """No more calls."""
        raise NotImplementedError

    def running(self):
        """The calls that run, the oldest first."""
        raise NotImplementedError

    def find(self, call_id):
        """The call of this id that runs, or None."""
        raise NotImplementedError

    def cancel(self, call):
        """Interrupt a call that runs."""
        raise NotImplementedError

    def current(self):
        """The call that whoever asks, in whatever thread, works for; None if that is not known."""
        raise NotImplementedError

    def current_here(self):
        """The same where it is known for certain: in the code of a call, and in tasks and threads that carry its context."""
        raise NotImplementedError

    def run(self):
        """Run calls until the end."""
        raise NotImplementedError

    # ---------------------------------------------------------------- main thread

    def _read(self, call):
        """What is to be done, or None and the reply that says why nothing is."""
        try:
            deadline, credit, work = _call.parse(call)
        except Refused as error:
            return None, self._failure(call, "decode", str(error))
        except MemoryError as error:
            return None, self._failure(call, "oom", "no memory to decode the arguments", error)
        if deadline is not None and (_now() - call.arrived) * 1000 >= deadline:
            return None, self._failure(call, "deadline", "its deadline passed before it started")
        if credit is not None:
            call.stream = _stream.Stream(call, credit, self._wire)
        return work, None

    def _leave(self):
        """After user code."""
        _limits.leave()
        if _lifeline.is_fork():
            _process.leave_fork()
        if self._bell.install():
            self.reporter.note("signals")
        self.reporter.repair()

    def _answered(self):
        """After the answer, before the next call."""
        report = self.reporter.due(_now(), not self.running())
        if report is not None:
            self._wire.send(_frame.REPORT, 0, Json.flags, *Json.encode(report))

    def _success(self, call, value):
        if call.map is not None:
            return self._mapped(call)
        codec = call.codec
        try:
            payload = codec.encode(value, "result") if call.taken is None else self._with_snapshot(call, value)
        except Refused as error:
            return self._failure(call, "encode", str(error))
        except MemoryError as error:
            return self._failure(call, "oom", "no memory to encode the result", error)
        size = _frame.size(*payload)
        if size > self._wire.limit:
            text = "result: %d bytes, the limit of a frame is %d" % (size, self._wire.limit)
            return self._failure(call, "encode", text)
        return (_frame.RESULT if call.stream is None else _frame.END, call.id, codec.flags, *payload)

    def _mapped(self, call, failure=None):
        """The results of a map as ITEMs, in order, and its terminal frame: END with the last of them, or ERROR for the item after them."""
        wire, codec, results = self._wire, call.codec, call.map.results
        call.map = last = None
        try:
            for payload in _map.lists(results, codec, wire.limit):
                if last is not None:
                    wire.send(_frame.ITEM, call.id, codec.flags, *last)
                last = payload
        except Refused as error:
            failure = "encode", str(error)
        except MemoryError as error:
            failure = "oom", "no memory to encode a result", error
        if failure is None:
            return (_frame.END, call.id, codec.flags, *last)
        if last is not None:
            wire.send(_frame.ITEM, call.id, codec.flags, *last)
        return self._failure(call, *failure)

    def _with_snapshot(self, call, value):
        codec, (data, failure) = call.codec, call.taken
        try:
            payload = codec.encode([value, _snapshots.to_wire(codec, data), failure], "result")
        except Refused:
            codec.encode(value, "result")  # says the path in the value itself
            raise
        size = _frame.size(*payload)
        if data is None or size <= self._wire.limit:
            return payload
        text = "snapshot: %d bytes with the result, the limit of a frame is %d" % (size, self._wire.limit)
        return codec.encode([value, None, {"type": "ValueError", "message": text, "frames": []}], "result")

    def _failure(self, call, code, message, error=None):
        if call.map is not None and call.map.results and code != "cancelled":
            return self._mapped(call, (code, message, error))
        report = _call.report(code, call.started, message, error)
        return (_frame.ERROR, call.id, Json.flags, *Json.encode(report))
