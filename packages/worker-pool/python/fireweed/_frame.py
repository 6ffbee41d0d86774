"""The FW/1 frame as pure functions over bytes: a 24-byte little-endian header, then the body (see PROTOCOL.md)."""

from struct import Struct

from ._builtins import __builtins__

INIT, CALL, CANCEL, PING, CREDIT, CALLBACK_RESULT, CALLBACK_ERROR = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
SHUTDOWN, OPEN, CLOSE, FORK, KILL = 0x08, 0x09, 0x0A, 0x10, 0x11
HELLO, READY, RESULT, ERROR, ITEM, END, CALLBACK, LOG = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88
PONG, BYE, FATAL, REPORT, FORKED, EXITED = 0x89, 0x8A, 0x8B, 0x8C, 0x90, 0x91

TO_WORKER = frozenset((INIT, CALL, CANCEL, PING, CREDIT, CALLBACK_RESULT, CALLBACK_ERROR, SHUTDOWN, OPEN, CLOSE))
TO_ZYGOTE = frozenset((INIT, FORK, KILL, SHUTDOWN))

PROTO = 1
SIZE = 24
LIMIT = 1 << 30

_MAGIC = 0x5746
_JOIN = 64 * 1024  # a frame up to this size goes out in one piece
_CODEC_BIT = 1
_IGNORABLE = 0x40
_HEADER = Struct("<HBBIIHHQ")  # magic, kind, flags, id, metaLen, nbuf, reserved, bodyLen


class Violation(Exception):
    """The other side broke the protocol; the stream cannot be trusted any more."""


def encode(kind, call_id, flags, pieces=(), buffers=()):
    """A frame, as the parts to be written in order: small ones joined, large ones as they are."""
    meta_len = body_len = sum(map(len, pieces))
    tail = []
    if buffers:
        lengths = [buffer.nbytes for buffer in buffers]
        tail.append(bytes(-meta_len & 7) + Struct("<%dQ" % len(lengths)).pack(*lengths))
        for buffer, length in zip(buffers, lengths):
            tail += (buffer, bytes(-length & 7))
        body_len = meta_len + (-meta_len & 7) + 8 * len(lengths) + sum(length + (-length & 7) for length in lengths)
    header = _HEADER.pack(_MAGIC, kind, flags, call_id, meta_len, len(buffers), 0, body_len)
    if body_len <= _JOIN:
        return (b"".join((header, *pieces, *tail)),)
    return (header, *pieces, *tail)


def size(pieces, buffers):
    """The length of the body that `encode` would make, in bytes."""
    meta_len = sum(map(len, pieces))
    if not buffers:
        return meta_len
    padded = sum(buffer.nbytes + (-buffer.nbytes & 7) for buffer in buffers)
    return meta_len + (-meta_len & 7) + 8 * len(buffers) + padded


def parse(data, at, limit, kinds=TO_WORKER):
    """The header at offset `at` as `(kind, flags, id, metaLen, nbuf, bodyLen)`, every field checked before anyone allocates."""
    magic, kind, flags, call_id, meta_len, nbuf, reserved, body_len = _HEADER.unpack_from(data, at)
    if magic != _MAGIC:
        raise Violation("bad magic 0x%04x" % magic)
    if kind not in kinds and not kind & _IGNORABLE:
        raise Violation("unknown kind 0x%02x" % kind)
    if flags & ~_CODEC_BIT or reserved:
        raise Violation("reserved bits set (flags 0x%02x, reserved 0x%04x)" % (flags, reserved))
    if body_len > limit:
        raise Violation("frame of %d bytes, the limit is %d" % (body_len, limit))
    if meta_len > body_len:
        raise Violation("meta of %d bytes in a body of %d" % (meta_len, body_len))
    if nbuf == 0 and meta_len != body_len:
        raise Violation("body of %d bytes with a meta of %d and no buffers" % (body_len, meta_len))
    if nbuf and body_len < meta_len + (-meta_len & 7) + 8 * nbuf:
        raise Violation("body of %d bytes with a meta of %d and %d buffers" % (body_len, meta_len, nbuf))
    return kind, flags, call_id, meta_len, nbuf, body_len


def split(body, meta_len, nbuf):
    """The meta and the buffers of a body, as views of it."""
    if nbuf == 0:
        return body, ()
    view = memoryview(body)
    at = meta_len + (-meta_len & 7)
    lengths = Struct("<%dQ" % nbuf).unpack_from(body, at)
    at += 8 * nbuf
    buffers = []
    for length in lengths:
        if at + length > len(body):
            raise Violation("a buffer of %d bytes runs past the end of the body" % length)
        buffers.append(view[at : at + length])
        at += length + (-length & 7)
    if at != len(body):
        raise Violation("%d bytes of the body are left over" % (len(body) - at))
    return view[:meta_len], buffers
