"""The opcodes that a pickle may hold.

CPython's reader takes memory before it looks whether the pickle fills it. LONG_BINPUT and PUT name a place in its memo, which it makes twice
that long: up to 64 GiB for 20 bytes. Nobody who speaks the protocol writes them (MEMOIZE does the same). BINBYTES, BINBYTES8 and BYTEARRAY8
get as many bytes as they claim. A text may hold the same bytes, so to know is to walk over all opcodes: it takes 1 to 2 us for a small
pickle, which is spared it if it has no such byte, and up to three times the reading for one of many small values.

The walk has to see what CPython sees, which skips what is left of a frame when an argument goes on beyond its end. So none may: an
argument is within the frame, or, as writers do with large bytes, begins where the frame ends.
"""

import re

from ._builtins import __builtins__
from ._errors import Refused

_SMALL = 200  # bytes: to look at each of more takes longer than the walk may
_suspect = re.compile(b"[rpB\x8e\x96]").search
# Opcodes with their arguments, the frequent ones first. A match keeps what it may have to give back, so its length has a bound.
_plain = re.compile(
    rb"(?:\x94|h.|K.|\x8c(?:%s)|G.{8}|M..|J.{4}|[().012N\]adelstu}R\x85-\x89\x8f-\x91\x93\x97\x98]|j.{4}|q.|\x80.){0,500}"
    % b"|".join(re.escape(bytes((length,))) + b".{%d}" % length for length in range(32)),
    re.DOTALL,
).match
# Those that begin with a length, and how many bytes that takes.
_counted = {0x43: 1, 0x8A: 1, 0x8C: 1, 0x42: 4, 0x58: 4, 0x8B: 4, 0x8D: 8, 0x8E: 8, 0x95: 8, 0x96: 8}
_FRAME = 0x95


def check(pickle):
    """Raises `Refused` for a pickle with an opcode that the protocol does not have, or that claims more bytes than there are."""
    at, length = 0, len(pickle)
    if length < _SMALL and not _suspect(pickle):
        return
    limit = length  # where the frame ends, or all
    while at < length:
        end = _plain(pickle, at, limit).end()
        if end == at:
            if at == limit:
                limit = length
                continue
            size = _counted.get(pickle[at])
            if size is None:
                raise Refused("not a pickle this worker reads: opcode %#x at byte %d is not in use, or cut short" % (pickle[at], at))
            head = at + 1 + size
            end = head + int.from_bytes(pickle[at + 1 : head], "little")
            if head == limit:
                limit = length
            if end > limit:
                raise Refused("not a pickle this worker reads: opcode %#x at byte %d claims more than there is" % (pickle[at], at))
            if pickle[at] == _FRAME:
                if limit < length:
                    raise Refused("not a pickle this worker reads: a frame in a frame at byte %d" % at)
                limit, end = end, head
        at = end
