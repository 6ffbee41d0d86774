"""What the worker under test is asked to run."""

import builtins
import contextlib
import contextvars
import os
import re
import signal
import subprocess
import sys
import threading
import time

NOT_CALLABLE = 3
seen = []
variable = contextvars.ContextVar("variable")


def echo(*args, **kwargs):
    return [list(args), kwargs] if kwargs else (args[0] if len(args) == 1 else list(args))


def evaluate(source, **names):
    """The value of an expression, or of `result` after statements."""
    scope = dict(names)
    try:
        code = compile(source, "<test>", "eval")
    except SyntaxError:
        exec(source, globals(), scope)
        return scope.get("result")
    return eval(code, globals(), scope)


class Nested:
    @staticmethod
    def double(x):
        return 2 * x


# ---------------------------------------------------------------- noise


def noise():
    forged = b"FW\x83\x01\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x0042"
    print("no end of line", end="")
    sys.stdout.write("\0\ud800\n")
    os.write(1, forged)
    os.write(2, b"\xff\xfe\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    return "still fine"


def vandalise():
    """Write to, close and replace the low descriptors."""
    for fd in range(3, 21):
        for act in (lambda: os.write(fd, b"x" * 64), lambda: os.close(fd), lambda: os.dup2(1, fd)):
            with contextlib.suppress(OSError):
                act()
    return "done"


def steal_names():
    """What a test that patches too much leaves behind."""
    import json
    import threading

    os.write = os.read = time.sleep = time.monotonic = json.dumps = json.loads = threading.Lock = None
    os.getpid = os._exit = None
    sys.modules.clear()


# ---------------------------------------------------------------- errors


class Silent(Exception):
    def __str__(self):
        raise ValueError("no")


class Exits(Exception):
    def __str__(self):
        sys.exit(9)


class Evil(Exception):
    def __getattribute__(self, name):
        raise RuntimeError("do not touch")

    @property
    def __class__(self):
        raise RuntimeError("do not ask")


class BadNotes(Exception):
    pass


class Text(str):
    def __len__(self):
        raise RuntimeError("no")


def throw(name, *args):
    raise (globals().get(name) or getattr(builtins, name))(*args)


def throw_chain():
    try:
        try:
            {}["a"]
        except KeyError as error:
            raise ValueError("b") from error
    except ValueError:
        raise TypeError("c")


def throw_from_none():
    try:
        {}["a"]
    except KeyError:
        raise ValueError("alone") from None


def throw_cyclic():
    a, b = ValueError("a"), ValueError("b")
    a.__cause__, b.__cause__ = b, a
    raise a


def throw_long_chain():
    error = None
    for i in range(1000):
        following = ValueError(i)
        following.__cause__ = error
        error = following
    raise error


def throw_notes():
    error = BadNotes("x")
    error.__notes__ = ["one", 2, Text("three"), "n" * 100000]
    raise error


def throw_group():
    raise ExceptionGroup("several", [ValueError(1), ExceptionGroup("inner", [KeyError("k")] * 100)])  # noqa: F821


def throw_deep():
    return throw_deep()


def throw_forged():
    import fireweed

    raise fireweed.Cancelled("forged")


def type_of_text():
    raise ValueError(Text("tricky"))


# ---------------------------------------------------------------- time


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "spun"


def sleep(seconds):
    time.sleep(seconds)
    return "slept"


def catastrophe():
    return re.match(r"(a+)+$", "a" * 40 + "b")


def tidy(seconds):
    try:
        time.sleep(60)
    finally:
        time.sleep(seconds)
        seen.append("tidied")


def tidy_by(how, seconds):
    def clean_up():
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        seen.append(how)

    class Exit:
        def __enter__(self):
            pass

        def __exit__(self, *_):
            clean_up()

    @contextlib.contextmanager
    def manager():
        try:
            yield
        finally:
            clean_up()

    if how == "finally":
        try:
            time.sleep(60)
        finally:
            clean_up()
    elif how == "except":
        try:
            time.sleep(60)
        except BaseException:
            clean_up()
            raise
    elif how == "nested":
        try:
            time.sleep(60)
        finally:
            try:
                raise KeyError
            except KeyError:
                clean_up()
    else:
        with Exit() if how == "exit" else manager():
            time.sleep(60)


def swallow_once():
    with contextlib.suppress(BaseException):
        time.sleep(60)
    time.sleep(60)


def finalize():
    """What is raised in a finalizer is lost."""

    class Slow:
        def __del__(self):
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                time.sleep(0.01)

    Slow()
    time.sleep(60)


def stubborn():
    try:
        time.sleep(60)
    except BaseException as error:
        return type(error).__name__


def mute():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def trace():
    def tracer(*_):
        raise RuntimeError("traced")

    sys.settrace(tracer)


def hold_gil(seconds):
    import ctypes

    print("holding", flush=True)
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def deadlock():
    """In C code that holds the interpreter, and that no signal ends."""
    import ctypes

    print("holding", flush=True)
    native, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    native.pthread_mutex_lock(mutex)
    native.pthread_mutex_lock(mutex)


def grandchild():
    return subprocess.Popen(["sleep", "600"]).pid


kept = []


def hoard(size):
    """Keep all the memory there is."""
    make = {"large": lambda: bytearray(1 << 20), "medium": lambda: bytearray(5000), "small": lambda: [None] * 10}[size]
    try:
        while True:
            kept.append(make())
    except MemoryError:
        pass


def give_back():
    kept.clear()


# ---------------------------------------------------------------- fork


def fork(how):
    """The pid of a copy that comes back from this function in its own way."""
    pid = os.fork()
    if pid:
        return pid
    if how == "raise":
        raise ValueError("in the copy")
    if how == "exit":
        sys.exit(7)
    if how == "grandchild" and os.fork():
        os._exit(0)
    return "from the copy"


def reap(pid):
    return os.waitpid(pid, 0)[1] >> 8


def parallel():
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-1, -2, 3])


# ---------------------------------------------------------------- sessions, coroutines, generators


class Counter:
    closed = []

    def __init__(self, start=0):
        self.value = start

    def add(self, n=1):
        self.value += n
        return self.value

    def close(self):
        self.closed.append(self.value)


class Managed:
    def __enter__(self):
        self.entered = True
        return self

    def __exit__(self, *_):
        seen.append("left")
        raise ValueError("on the way out")

    def is_entered(self):
        return self.entered


def closed():
    return Counter.closed


async def later(value, seconds=0):
    import asyncio

    try:
        await asyncio.sleep(seconds)
    finally:
        seen.append("awaited")
    return value


async def evaluate_later(source):
    await later(None)
    return evaluate(source)


async def sleep_later(seconds):
    return await later("slept", seconds)


def generate():
    yield 1


def count(n, result=None):
    for i in range(n):
        yield i
    return result


def endless(note="closed"):
    """Notes how far it came, and its end."""
    try:
        for i in range(10**9):
            seen.append(i)
            yield i
    finally:
        seen.append(note)


async def count_later(n, seconds=0):
    import asyncio

    for i in range(n):
        await asyncio.sleep(seconds)
        yield i


async def endless_later():
    import asyncio

    try:
        for i in range(10**9):
            await asyncio.sleep(0)
            seen.append(i)
            yield i
    finally:
        await asyncio.sleep(0)
        seen.append("aclosed")


def fail_after(n):
    yield from range(n)
    raise ValueError("after %d" % n)


def hold_on():
    try:
        while True:
            yield 1
    finally:
        time.sleep(60)


async def make_generator(n):
    return count(n, "made")


class Iterator:
    """No generator, but an iterator."""

    def __init__(self, n):
        self.left = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration("spent")
        self.left -= 1
        return self.left

    def close(self):
        seen.append("closed by the runtime")


class AsyncIterator(Iterator):
    __next__ = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.left == 0:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


class Reader:
    """A session with streams and `async` methods."""

    def __init__(self, lines):
        self.lines, self.read = lines, 0

    def each(self):
        for line in self.lines:
            self.read += 1
            yield line

    async def length(self):
        return len(self.lines)

    async def close(self):
        seen.append("closed the reader")


async def gather(n):
    import asyncio

    return await asyncio.gather(*(later(i, 0.01) for i in range(n)))


async def cancel_itself():
    import asyncio

    raise asyncio.CancelledError("my own")


async def blocked(seconds):
    """Does not let go of the loop."""
    spin(seconds)


def stalls():
    """One item, and then none for a long time."""
    yield 0
    spin(60)


def break_loop():
    """Takes from the event loop what it waits with."""
    import asyncio

    asyncio.get_event_loop()._selector.close()


async def deaf():
    import asyncio

    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


async def which(name, seconds):
    """Whether a context variable keeps its value."""
    import asyncio

    variable.set(name)
    await asyncio.sleep(seconds)
    return variable.get()


def set_variable(name):
    before = variable.get("unset")
    variable.set(name)
    return before


async def leave_running():
    import asyncio

    async def leave():
        await asyncio.sleep(0.01)
        sys.exit(9)

    asyncio.ensure_future(leave())
    return "left"


def thread_fails():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()


# ---------------------------------------------------------------- what needs nothing that could be taken away


def nap(seconds, _sleep=time.sleep):
    _sleep(seconds)


def turn(seconds, _now=time.monotonic):
    end = _now() + seconds
    while _now() < end:
        pass


def plain_failure(_error=ValueError):
    raise _error("plain")
