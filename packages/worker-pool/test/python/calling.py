"""Calls the parent in every way there is."""

import asyncio
import threading
import time

from fireweed import CallbackError, Cancelled, call_parent, call_parent_async


def call(name, *args, **kwargs):
    return call_parent(name, *args, **kwargs)


def failure(name, *args):
    try:
        return call_parent(name, *args)
    except CallbackError as error:
        return [error.name, error.type, error.message, str(error)]


async def call_async(name, *args):
    return await call_parent_async(name, *args)


async def gather(name, count):
    return await asyncio.gather(*(call_parent_async(name, i) for i in range(count)))


async def blocking_in_a_coroutine():
    return failure("f")


def threads(name, count):
    values = [None] * count

    def run(i):
        values[i] = call_parent(name, i)

    all_of_them = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for one in all_of_them:
        one.start()
    for one in all_of_them:
        one.join()
    return values


left = []


def leave_a_thread(name):
    """A thread of its own still waits for the parent when the call is over."""
    def run():
        left.append(failure(name))

    one = threading.Thread(target=run)
    one.start()
    while not one.is_alive():
        time.sleep(0.001)
    time.sleep(0.05)


def what_was_left():
    while not left:
        time.sleep(0.001)
    return left


def unsendable():
    return failure("f", [1, {"a": object()}])


def swallow(name):
    try:
        call_parent(name)
    except Cancelled:
        try:
            call_parent("f")
        except CallbackError as error:
            return error.type
    return "not cancelled"


class Session:
    def ask(self, name):
        return call_parent(name)


def forked():
    import os

    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, failure("f")[1].encode())
        os._exit(0)
    os.wait()
    return os.read(read, 100).decode()


def stream(name, count):
    for i in range(count):
        yield call_parent(name, i)


async def stream_async(name, count):
    for i in range(count):
        yield await call_parent_async(name, i)


async def in_a_thread(name, *args):
    return await asyncio.to_thread(call_parent, name, *args)


async def in_a_bare_thread(name):
    seen = []
    one = threading.Thread(target=lambda: seen.append(failure(name)))
    one.start()
    while one.is_alive():
        await asyncio.sleep(0.001)
    return seen[0]


async def leave_a_task(name):
    async def run():
        await asyncio.sleep(0.05)
        try:
            await call_parent_async(name)
        except CallbackError as error:
            left.append([error.type])

    leave_a_task.task = asyncio.ensure_future(run())


async def what_was_left_async():
    while not left:
        await asyncio.sleep(0.001)
    return left


async def idle():
    await asyncio.sleep(600)


def signalled(name):
    """A signal handler that calls the parent while the code that it interrupts does, too."""
    import signal

    seen = []

    def handle(*_):
        try:
            seen.append(call_parent(name, "handler"))
        except CallbackError as error:  # it has interrupted the runtime
            seen.append(error.type)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        while len(seen) < 100:
            call_parent(name, "code")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return seen
