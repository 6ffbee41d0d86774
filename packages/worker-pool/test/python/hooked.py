"""Hooks for the workers under test."""

import os
import sys
import time

seen = []


def prepare(*args, **kwargs):
    seen.append([list(args), kwargs])


async def prepare_async(value):
    import asyncio

    await asyncio.sleep(0)
    seen.append(value)


def state():
    return seen


def fail():
    raise ValueError("no model")


def need():
    import sklearn_of_nowhere  # noqa: F401


def leave():
    sys.exit(3)


def die():
    os._exit(4)


def trace():
    sys.settrace(lambda *_: 1 / 0)


def fork():
    pid = os.fork()
    if pid:
        seen.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def touch(path):
    with open(path, "a") as file:
        file.write("left\n")


async def touch_async(path):
    touch(path)


def linger():
    time.sleep(600)


def once(path):
    if os.path.exists(path):
        raise ValueError("set up already")
    touch(path)
