"""The opcodes that a pickle may hold.

CPython's reader knows more of them, and two are harmful: LONG_BINPUT and PUT name a place in its memo, and it makes the memo twice
that long, whatever the length of the pickle: up to 64 GiB for 20 bytes. Nobody who speaks the protocol writes them (MEMOIZE does the same),
but a text may hold the same bytes, so to know is to walk over all opcodes. Only a pickle with such bytes is walked over: it takes a
microsecond for a small one, and one to three times the reading for a large one.
"""

import re

from ._builtins import __builtins__
from ._errors import Refused

_suspect = re.compile(b"[rp]").search
# Opcodes with their arguments, the frequent ones first. A match keeps what it may have to give back, so its length has a bound.
_plain = re.compile(
    rb"(?:\x94|h.|K.|\x8c(?:%s)|G.{8}|M..|J.{4}|[().012N\]adelstu}R\x85-\x89\x8f-\x91\x93\x97\x98]|j.{4}|q.|\x80.|\x95.{8}){0,500}"
    % b"|".join(re.escape(bytes((length,))) + b".{%d}" % length for length in range(32)),
    re.DOTALL,
).match
# Those that begin with a length, and how many bytes that takes.
_counted = {0x43: 1, 0x8A: 1, 0x8C: 1, 0x42: 4, 0x58: 4, 0x8B: 4, 0x8D: 8, 0x8E: 8, 0x96: 8}


def check(pickle):
    """Raises `Refused` for a pickle with an opcode that the protocol does not have."""
    if not _suspect(pickle):
        return
    at, length = 0, len(pickle)
    while at < length:
        end = _plain(pickle, at).end()
        if end == at:
            size = _counted.get(pickle[at])
            if size is None:
                raise Refused("not a pickle this worker reads: opcode %#x at byte %d is not in use, or cut short" % (pickle[at], at))
            end += 1 + size
            end += int.from_bytes(pickle[at + 1 : end], "little")
        at = end
