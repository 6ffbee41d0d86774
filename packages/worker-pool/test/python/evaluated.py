"""Annotations that are objects."""

from typing import Dict, Optional

from fireweed import expose


class Odd:
    def __repr__(self):
        raise SystemExit("never")


class Row:
    pass


@expose
def typed(a: int, b: Optional[str], c: "Later", d: Odd(), e: Row, f: 3 = 4) -> Dict[str, int]:  # noqa: F821
    return {}
