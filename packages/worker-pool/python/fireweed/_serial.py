"""One call after another, in the order of their arrival."""

import sys
import time
from _contextvars import copy_context
from _queue import SimpleQueue

from . import _call, _cancel, _coroutines, _limits
from ._builtins import __builtins__
from ._executor import Executor

_now, _gettrace, _settrace = time.monotonic, sys.gettrace, sys.settrace


class Serial(Executor):
    def __init__(self, wire, bell, end):
        super().__init__(wire, bell, end)
        self._queue = SimpleQueue()  # of calls; None is the end

    def put(self, call):
        self.waiting[call.id] = call
        self._queue.put(call)

    def stop(self):
        self._queue.put(None)

    def running(self):
        call = self._bell.running
        return [] if call is None else [call]

    def find(self, call_id):
        call = self._bell.running
        return call if call is not None and call.id == call_id else None

    def cancel(self, call):
        self._bell.cancel(call)
        if call.stream is not None:
            call.stream.grant(0)
        _coroutines.cancel(call)

    def current(self):
        call = _cancel.current.get()
        return self._bell.running if call is None else call

    def current_here(self):
        return _cancel.current.get()

    def run(self):
        bell, waiting, take = self._bell, self.waiting, self._queue.get
        while True:
            call = take()
            if call is None:
                return
            # First `running`, then out of `waiting`: a CANCEL at any moment finds the call in one of the two.
            call.began = _now()
            bell.running = call
            if waiting.pop(call.id, None) is None:
                bell.running = None
                continue
            reply = self._answer(call)
            bell.running = None
            self._end(call)
            self._wire.deliver(*reply)
            self._answered()
            call = reply = None  # an idle worker keeps no arguments and no result alive

    def _answer(self, call):
        work, refusal = self._read(call)
        if refusal is not None:
            return refusal
        try:
            _limits.enter()
            try:
                value = copy_context().run(_cancel.enter, call, _call.perform, call, *work)
            finally:
                # Before anything of ours is called: what user code left behind must not run in the runtime.
                if _gettrace() is not None:
                    _settrace(None)
                    self.reporter.note("trace")
                self._leave()
        except BaseException as error:
            return self._failure(call, *_call.verdict(call, error), error)
        return self._success(call, value)
