"""The Python end of the benchmark of callbacks."""

from fireweed import call_parent, call_parent_async


def loop(name, count):
    for n in range(count):
        call_parent(name, n)


async def loop_async(name, count):
    for n in range(count):
        await call_parent_async(name, n)
