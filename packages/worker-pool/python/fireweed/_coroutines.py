"""`async def` targets: each call runs to its end on one event loop, which lives as long as the worker."""

_loop = None


async def _nothing():
    pass


_coroutine = _nothing()
Coroutine = type(_coroutine)
_coroutine.close()


def run(coroutine):
    global _loop
    import asyncio  # tens of milliseconds, so only for those who need it

    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
    asyncio.set_event_loop(_loop)
    task = _loop.create_task(coroutine)
    try:
        return _loop.run_until_complete(task)
    finally:
        if not task.done():  # interrupted between its steps: let it clean up
            task.cancel()
            _loop.run_until_complete(asyncio.wait([task]))
