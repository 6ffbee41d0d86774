"""Reads records from standard input (see fuzz.soak.ts) by the decoders of the runtime, counts what comes of them, and says so as JSON.

Anything but a value, a `Refused`, a `Violation` or the end of the bytes ends it with a traceback; so does an item that takes forever.
"""

import faulthandler
import json
import os
import resource
import signal
import struct
import sys
import tracemalloc
from time import perf_counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

from fireweed import _frame
from fireweed._codec import CODECS
from fireweed._errors import Refused
from fireweed._pickle5 import Pickle
from fireweed._wire import Closed, Wire

LIMIT = float(sys.argv[1]) / 1000
LARGE = 16  # MiB: items are of some hundred bytes, so none has a reason to touch that much


def fair(length):
    """The most memory, in bytes, that Python may take at a time for that many: one opcode makes a set of 232, and two of them a place in
    the memo and on the stack; a refusal and the first lists, which grow by doubling, cost the rest, whatever the length.
    """
    return 65_536 + 512 * length


class Fed(Wire):
    """A wire whose bytes are here already."""

    def __init__(self, data):
        super().__init__(-1, -1)
        self.limit = 1 << 30
        self._source = data

    def _more(self, size):
        # In chunks that are no whole frame.
        data, self._source = self._source[: min(size, 37)], self._source[min(size, 37) :]
        if not data:
            raise Closed("end of stream")
        return data


def read_frames(data, _):
    wire = Fed(data)
    outcome = "unfinished"
    try:
        while True:
            kind, flags, call_id, meta, buffers = wire.receive()
            outcome = read_value(CODECS[flags], meta, buffers)
    except _frame.Violation:
        return "violation"
    except Closed:
        return outcome


def read_pickle(meta, buffers):
    return read_value(Pickle, meta, buffers)


def read_value(codec, meta, buffers):
    try:
        codec.decode(meta, buffers)
    except Refused:
        return "refused"
    return "value"


def taken(read, meta, buffers):
    """The most memory that Python takes at a time to read it, in bytes, whether it is touched or not."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    outcome = read(meta, buffers)
    return outcome, tracemalloc.get_traced_memory()[1] - before


def records(stream):
    while True:
        head = stream.read(9)
        if not head:
            return
        kind, length, count = struct.unpack("<cII", head)
        lengths = struct.unpack("<%dI" % count, stream.read(4 * count))
        yield kind, stream.read(length), [stream.read(n) for n in lengths]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize() >> 20


def limit_memory(mebibytes):
    """What is claimed beyond that fails here, not in the machine."""
    size = (address_space() + mebibytes) << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def main():
    readers = {b"F": ("frames", read_frames), b"P": ("pickles", read_pickle)}
    figures, worst, began = {}, {"frames": 0, "pickles": 0}, peak()
    most = dict(worst)
    try:
        import numpy  # what an item makes it load counts for no item
    except ImportError:
        pass
    faulthandler.enable()
    faulthandler.register(signal.SIGALRM, chain=True)
    size = address_space()
    limit_memory(256)
    tracemalloc.start()
    for index, (kind, meta, buffers) in enumerate(records(sys.stdin.buffer)):
        if index % 1000 == 0:
            signal.alarm(60)
        name, read = readers[kind]
        before, start = peak(), perf_counter()
        try:
            outcome, memory = taken(read, meta, buffers)
            if memory > fair(len(meta) + sum(map(len, buffers))):  # perhaps it made it load a module, once
                outcome, memory = taken(read, meta, buffers)
        except BaseException as error:
            raise AssertionError("%s %s %r" % (name, meta.hex(), buffers)) from error
        took, growth = perf_counter() - start, peak() - before
        if growth > LARGE or took > LIMIT or memory > fair(len(meta) + sum(map(len, buffers))):
            raise AssertionError("%s: %d ms, %d MiB, %d bytes, %s: %s" % (name, took * 1000, growth, memory, outcome, meta.hex()))
        most[name] = max(most[name], memory)
        worst[name] = max(worst.get(name, 0), took)
        figure = "%s, %s" % (name, outcome)
        figures[figure] = figures.get(figure, 0) + 1
    for name, took in worst.items():
        figures["%s, worst, ms" % name] = round(took * 1000, 2)
    for name, memory in most.items():
        figures["%s, most memory at a time, KiB" % name] = memory >> 10
    figures["growth_of_the_peak,_MiB"] = round(peak() - began)
    figures["growth of the address space, MiB"] = address_space() - size
    print(json.dumps({"name": "%d.%d.%d" % sys.version_info[:3], **dict(sorted(figures.items()))}))


main()
