"""Logs, warns and loses exceptions in every way there is."""

import logging
import os
import sys
import threading
import time
import warnings

log = logging.getLogger("app.part")


def at(level, message, *args):
    log.log(level, message, *args)


def exception():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("it failed: %s", "badly")


def warn():
    warnings.warn("old", DeprecationWarning, stacklevel=1)


class Lost:
    def __del__(self):
        raise ValueError("lost in a finalizer")


def finalize():
    Lost()


def thread():
    def run():
        raise KeyError("lost in a thread")

    one = threading.Thread(target=run, name="worker-bee")
    one.start()
    one.join()


class Nameless(threading.Thread):
    @property
    def name(self):
        if self.ident is not None:
            raise RuntimeError("no name")
        return "x"

    @name.setter
    def name(self, _):
        pass

    def run(self):
        raise KeyError("lost in a thread")


def nameless_thread():
    one = Nameless()
    one._name = "x"
    one.start()
    one.join()


def thread_leaves():
    one = threading.Thread(target=sys.exit)
    one.start()
    one.join()


def task():
    import asyncio
    import gc

    async def fail():
        raise OSError("nobody waits")

    async def main():
        asyncio.ensure_future(fail())
        await asyncio.sleep(0.01)
        gc.collect()

    asyncio.run(main())


class Hostile:
    def __init__(self, how):
        self._how = how

    def __str__(self):
        if self._how == "raise":
            raise RuntimeError("no")
        if self._how == "exit":
            sys.exit(3)
        if self._how == "log":
            log.error("from within %s", self)
            return "logged"
        if self._how == "subclass":
            return Text("a subclass")
        return "x" * 1_000_000


class Text(str):
    def __len__(self):
        raise RuntimeError("no")


def hostile(how):
    log.error(Hostile(how))
    log.error("%s and %s", Hostile(how), 1)
    return "survived"


def wrong_arguments():
    log.error("%d %d", "a")


def flood(count):
    for i in range(count):
        log.warning("line %d", i)


def basic_config(path):
    logging.basicConfig(filename=path, format="%(name)s %(message)s", level=logging.INFO)
    log.info("both")
    logging.warning("root")
    logging.shutdown()


def dict_config(path):
    import logging.config

    handlers = {"file": {"class": "logging.FileHandler", "filename": path}}
    logging.config.dictConfig({"version": 1, "handlers": handlers, "root": {"handlers": ["file"], "level": "INFO"}})
    logging.getLogger("fresh").warning("both")


def forked():
    pid = os.fork()
    if pid == 0:
        log.warning("from the copy")
        Lost()
        thread()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def background(count):
    def run():
        for i in range(count):
            log.warning("background %d", i)
            time.sleep(0.001)

    threading.Thread(target=run, daemon=True).start()


def long_str_holds_nobody_up():
    """One thread's `__str__` takes its time; another one logs meanwhile."""
    gate = threading.Event()

    class Slow:
        def __str__(self):
            gate.wait(20)
            return "slow"

    one = threading.Thread(target=lambda: log.warning("%s", Slow()))
    one.start()
    log.warning("quick")
    gate.set()
    one.join()
    return True


def spin(message):
    while True:
        log.warning(message)


async def log_later(i):
    import asyncio

    await asyncio.sleep(0.01 * (4 - i))
    log.warning("later %d", i)
