"""What a worker under test exposes."""

from __future__ import annotations

import collections.abc
import functools

from fireweed import expose


@expose
def score(text: str, /, weight: float = 1.0, *parts: NoSuchName, exact: bool, **rest) -> dict[str, list[int]]:
    """Score a text.

    In detail.
    """
    return {"text": text, "weight": weight, "parts": list(parts), "exact": exact, "rest": rest}


@expose(name="slow score")
async def _slow(text):
    return text


@expose
def items(n: int):
    yield from range(n)


@expose
async def async_items(n):
    for i in range(n):
        yield i


@expose
class Counter:
    """Counts."""

    limit = 3

    def __init__(self, start: int = 0) -> None:
        self._n = start

    def add(self, n: int = 1) -> int:
        self._n += n
        return self._n

    async def later(self):
        return self._n

    @classmethod
    def named(cls, name: str):
        return name

    @staticmethod
    def double(x):
        return 2 * x

    @property
    def value(self):
        raise AssertionError("nobody asked")

    def _secret(self):
        return "secret"


def hidden():
    return "hidden"


def expose_later():
    expose(hidden, name="hidden")


expose(functools.partial(hidden), name="part")
expose(len)
expose(collections.abc.Sized, name="sized")
