"""`async def` targets, one at a time: each call runs to its end on one event loop, which lives as long as the worker."""

import time

from . import _wire
from ._builtins import __builtins__

Interruption = None  # asyncio's CancelledError, as soon as asyncio is loaded

_now = time.monotonic
_loop = None


async def _nothing():
    pass


_coroutine = _nothing()
Coroutine = type(_coroutine)
_coroutine.close()


def loop():
    """The event loop of this worker."""
    global _loop, Interruption
    import asyncio  # tens of milliseconds, so only for those who need it

    Interruption = asyncio.CancelledError
    if _loop is None or _loop.is_closed():
        _loop = _wire.aloft(asyncio.new_event_loop)
        try:
            _loop.time = _now  # whatever becomes of the module `time`
        except AttributeError:  # a loop of another make
            pass
    asyncio.set_event_loop(_loop)
    return _loop


def descriptors():
    """How many the event loop has: a poll and two ends of a socket, for those who count."""
    return 0 if _loop is None or _loop.is_closed() else 3


def run(coroutine, call=None):
    """Run it to its end; `call` is the one it belongs to."""
    from asyncio import wait

    running = loop()
    task = running.create_task(coroutine)
    if call is not None:
        call.task = task
    try:
        return running.run_until_complete(task)
    finally:
        if not task.done():  # another task ended the loop, as SystemExit does: let this one clean up
            task.cancel()
            running.run_until_complete(wait([task]))
        if call is not None:
            call.task = None


def cancel(call):
    """In the reader thread: cancel the task of a call that runs by `run`."""
    if call.task is not None:
        wake(_loop, interrupt, call)


def interrupt(call):
    """On the loop: cancel the call's task, unless the doorbell was quicker or it has ended."""
    if not call.interrupted and call.task is not None and call.task.cancel():
        call.interrupted = True


def wake(loop, callback, *args):
    """Call it on the loop, from another thread; a loop that user code has closed calls nothing."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        pass
