"""What a worker under test has, described in TypeScript; nothing of it is exposed."""

from __future__ import annotations

import functools
from typing import Any, AsyncIterator, Iterator, List, Optional

limit = 3


def score(rows: List[dict], weight: float = 1.0, *, exact: bool = False) -> float:
    """The sum of the rows' values."""
    total = sum(row["value"] for row in rows) * weight
    return round(total) if exact else total


def power(base: float, exponent: float, /, *, modulus: Optional[int] = None) -> float:
    return pow(base, exponent, modulus)


def anything(*args, **kwargs):
    return [list(args), kwargs]


def nothing() -> None:
    return None


def wrong() -> Any:
    return {"rows": [{"value": "not a number"}]}


async def slow(text: str) -> str:
    return text.upper()


def walk(root: str, depth: int = 2) -> Iterator[str]:
    for level in range(depth):
        yield "%s/%d" % (root, level)


async def awalk(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


def letters(text: str):
    return iter(text)


class Index:
    """Text, by its words."""

    names: Any

    def __init__(self, name: str, *, words: Optional[List[str]] = None) -> None:
        self.name, self.words = name, list(words or [])
        self.upper = name.upper

    def add(self, text: str) -> int:
        self.words += text.split()
        return len(self.words)

    def search(self, text: str, limit: int = 10) -> List[str]:
        return [word for word in self.words if text in word][:limit]

    async def size(self) -> int:
        return len(self.words)

    def each(self) -> Iterator[str]:
        yield from self.words

    @staticmethod
    def split(text: str) -> List[str]:
        return text.split()

    @classmethod
    def kind(cls) -> str:
        return cls.__name__

    @functools.lru_cache(maxsize=None)  # noqa: B019
    def cached(self, n: int) -> int:
        return n

    @property
    def count(self) -> int:
        raise AssertionError("nobody asked")


class Open:
    def __getattr__(self, name):
        return lambda: name
