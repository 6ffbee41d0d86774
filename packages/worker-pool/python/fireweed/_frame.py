"""The FW/1 frame as pure functions over bytes: a 24-byte little-endian header, then the body (see PROTOCOL.md)."""

from struct import Struct

INIT, CALL, CANCEL, PING, SHUTDOWN, OPEN, CLOSE = 0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0A
HELLO, READY, RESULT, ERROR, PONG, BYE, FATAL = 0x81, 0x82, 0x83, 0x84, 0x89, 0x8A, 0x8B

PROTO = 1
SIZE = 24
LIMIT = 1 << 30

_MAGIC = 0x5746
_CODEC_BIT = 1
_IGNORABLE = 0x40
_TO_WORKER = frozenset((INIT, CALL, CANCEL, PING, SHUTDOWN, OPEN, CLOSE))
_HEADER = Struct("<HBBIIHHQ")  # magic, kind, flags, id, metaLen, nbuf, reserved, bodyLen


class Violation(Exception):
    """The other side broke the protocol; the stream cannot be trusted any more."""


def encode(kind, call_id, flags, meta=b""):
    """The header of a frame whose body is `meta` alone."""
    return _HEADER.pack(_MAGIC, kind, flags, call_id, len(meta), 0, 0, len(meta))


def parse(data, at, limit):
    """The header at offset `at` as `(kind, flags, id, bodyLen)`, with every field checked before anyone allocates."""
    magic, kind, flags, call_id, meta_len, nbuf, reserved, body_len = _HEADER.unpack_from(data, at)
    if magic != _MAGIC:
        raise Violation("bad magic 0x%04x" % magic)
    if kind not in _TO_WORKER and not kind & _IGNORABLE:
        raise Violation("unknown kind 0x%02x" % kind)
    if flags & ~_CODEC_BIT or reserved:
        raise Violation("reserved bits set (flags 0x%02x, reserved 0x%04x)" % (flags, reserved))
    if body_len > limit:
        raise Violation("frame of %d bytes, the limit is %d" % (body_len, limit))
    if meta_len > body_len:
        raise Violation("meta of %d bytes in a body of %d" % (meta_len, body_len))
    if nbuf == 0 and meta_len != body_len:
        raise Violation("body of %d bytes with a meta of %d and no buffers" % (body_len, meta_len))
    if nbuf and not kind & _IGNORABLE:
        raise Violation("%d buffers, but no codec this worker speaks has any" % nbuf)
    return kind, flags, call_id, body_len
