"""Many calls at once: each is a task on one event loop, in the main thread.

A call whose function is not `async def` runs to its end within a step of the loop, and holds up all others.
"""

import asyncio
import sys
import time
from collections import deque
from _contextvars import copy_context

from . import _call, _cancel, _coroutines, _lifeline, _limits, _stream, _wire
from ._builtins import __builtins__
from ._executor import Executor

_now, _gettrace, _settrace = time.monotonic, sys.gettrace, sys.settrace
_Task = asyncio.Task

_FAILURES = 100  # of the event loop in a row, with no call answered between them


class Concurrent(Executor):
    def __init__(self, wire, bell, end):
        super().__init__(wire, bell, end)
        self._loop = _coroutines.loop()
        self._context = None  # of the calls: what `setup` has set in the main thread
        self._arrived = deque()  # of calls; None is the end
        self._awake = False  # the loop will look at `_arrived`
        self._running = {}  # id -> call
        self._leaving = False
        self._broken = None
        self._failures = 0

    def put(self, call):
        self.waiting[call.id] = call
        self._arrive(call)

    def stop(self):
        self._arrive(None)

    def running(self):
        return list(self._running.values())

    def find(self, call_id):
        return self._running.get(call_id)

    def cancel(self, call):
        call.cancelled = True
        _coroutines.wake(self._loop, _coroutines.interrupt, call)

    def current(self):
        call = _cancel.current.get()
        if call is not None:
            return call
        running = self.running()
        return running[0] if len(running) == 1 else None

    def current_here(self):
        return _cancel.current.get()

    def _arrive(self, call):
        self._arrived.append(call)
        if not self._awake:  # one wake-up for all that come until it happens
            self._awake = True
            self._loop.call_soon_threadsafe(self._admit)

    # ---------------------------------------------------------------- main thread

    def run(self):
        self._context = copy_context()
        asyncio.set_event_loop(self._loop)
        while not (self._leaving and not self._running and not self.waiting):
            try:
                self._loop.run_forever()
            except BaseException as error:  # of a task that user code has left behind: SystemExit leaves even a loop
                self._failures += 1
                if self._failures > _FAILURES:  # it is the loop itself, which user code has broken
                    self._broken = error
            if self._broken is not None:
                raise self._broken

    def _admit(self):
        self._awake = False
        arrived, loop = self._arrived, self._loop
        while arrived:
            call = arrived.popleft()
            if call is None:
                self._leaving = True
                self._loop.stop()
            else:
                # Not by a factory that user code may have set.
                call.task = self._context.run(_Task, self._serve(call), loop=loop)

    @_cancel.own
    async def _serve(self, call):
        # First here, then out of `waiting`: a CANCEL at any moment finds the call in one of the two.
        self._running[call.id] = call
        if self.waiting.pop(call.id, None) is not None:
            call.began = _now()
            try:
                reply = await self._answer(call)
                del self._running[call.id]
                self._end(call)
                self._wire.send(*reply)
                self._answered()
                self._failures = 0
            except _wire.Closed:
                _lifeline.die()
            except BaseException as error:
                self._broken = error
        self._running.pop(call.id, None)
        call.task = None
        if self._leaving or self._broken is not None:
            self._loop.stop()

    @_cancel.own
    async def _answer(self, call):
        work, refusal = self._read(call)
        if refusal is not None:
            return refusal
        try:
            _limits.enter()
            try:
                value = _cancel.enter(call, _call.begin, call, *work)
                cls = type(value)
                if call.takes or call.stream is not None or cls is _coroutines.Coroutine or cls in _stream.GENERATORS:
                    value = await _call.finish(call, value, work[1])
            finally:
                # Before anything of ours is called: what user code left behind must not run in the runtime.
                if _gettrace() is not None:
                    _settrace(None)
                    self.reporter.note("trace")
                self._leave()
        except BaseException as error:
            return self._failure(call, *_call.verdict(call, error), error)
        return self._success(call, value)
