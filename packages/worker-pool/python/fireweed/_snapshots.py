"""What a session's `snapshot()` gives, as bytes that nobody but this module reads, and back.

A frame of codec 0 behind a mark and a checksum. Tuples stay tuples, and what pickle has no opcode for goes the way of VALUES.md, so that
reading it runs nothing. Bytes that were cut short, or changed, are refused.
"""

from binascii import a2b_base64, b2a_base64, crc32
from binascii import Error as _NotBase64

from . import _frame
from ._builtins import __builtins__
from ._errors import Refused
from ._json import Json
from ._pickle5 import Pickle

_MARK = b"FWS1"
_HEAD = len(_MARK) + 4
_KINDS = frozenset((_frame.RESULT,))


def pack(state):
    pieces, buffers = Pickle.encode(state, "snapshot")
    body = b"".join(_frame.encode(_frame.RESULT, 0, Pickle.flags, pieces, buffers))
    return b"".join((_MARK, crc32(body).to_bytes(4, "little"), body))


def unpack(data):
    if len(data) < _HEAD + _frame.SIZE or data[: len(_MARK)] != _MARK:
        raise Refused("snapshot: %d bytes that are none" % len(data))
    body = bytes(data[_HEAD:])
    if crc32(body) != int.from_bytes(data[len(_MARK) : _HEAD], "little"):
        raise Refused("snapshot: cut short, or changed since it was made")
    _, _, _, meta_len, nbuf, length = _frame.parse(body, 0, len(body), _KINDS)
    return Pickle.decode(*_frame.split(body[_frame.SIZE : _frame.SIZE + length], meta_len, nbuf))


def to_wire(codec, data):
    """As a value of the codec; JSON has no bytes."""
    return b2a_base64(data, newline=False).decode() if codec is Json and data is not None else data


def from_wire(codec, value):
    if codec is Json and type(value) is str:
        try:
            return a2b_base64(value)
        except _NotBase64:
            pass
    elif type(value) in (bytes, bytearray):
        return value
    raise Refused("args[0]: not a snapshot")
