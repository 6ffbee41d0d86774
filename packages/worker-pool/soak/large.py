"""What large.soak.ts calls: one large value each way, and its checksum apart, so that only its way is measured."""

from array import array
from os import urandom
from zlib import crc32

_kept = None


def keep(value):
    global _kept
    _kept = value


def make_bytes(length):
    keep(urandom(length))


def make_doubles(length):
    doubles = array("d", range(1000)) * (length // 1000)
    for index in range(0, len(doubles), 999):
        doubles[index] *= 0.37
    keep(doubles)


def give():
    return _kept


def checksum():
    return crc32(_kept), len(_kept), type(_kept).__name__
