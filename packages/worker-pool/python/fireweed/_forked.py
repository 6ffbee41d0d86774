"""How a copy of the zygote becomes a worker: streams of its own, chance of its own, then the same as any worker.

It connects to the parent once for each stream, and says in its first bytes which one it is: the token that the parent
made for this worker, and the number of the stream. When all are there the parent answers one byte on the lifeline,
which is silent from then on.
"""

import os
import sys
import time
from _socket import AF_UNIX, SOCK_STREAM, socket

from . import _orphans, _worker
from ._builtins import __builtins__

FRAMES_IN, FRAMES_OUT, LIFELINE, STDOUT, STDERR = range(5)
NOT_WANTED, NOT_CONNECTED = 70, 71  # status of one that was turned away, of one that could not connect

_PATIENCE = 60  # seconds until the answer of the parent, which may be busy

_exit, _now = os._exit, time.monotonic


def become_worker(token, path, env):
    """Does not return."""
    began = _now()
    os.setsid()
    _orphans.adopt()  # its orphans are its own for as long as it lives; then they are the zygote's, which ends them
    os.environ.update(env)
    streams = [socket(AF_UNIX, SOCK_STREAM) for _ in range(5)]
    try:
        for stream in streams:
            stream.connect(path)
    except OSError as error:
        sys.stderr.write("fireweed: a forked worker cannot connect to its parent: %s\n" % error)
        sys.stderr.flush()
        _exit(NOT_CONNECTED)
    try:
        for role, stream in enumerate(streams):
            stream.sendall(bytes.fromhex(token) + bytes((role,)))
        streams[LIFELINE].settimeout(_PATIENCE)
        accepted = streams[LIFELINE].recv(1)
        streams[LIFELINE].settimeout(None)
    except OSError:
        accepted = b""
    if not accepted:
        _exit(NOT_WANTED)
    for role, descriptor in ((STDOUT, 1), (STDERR, 2)):
        os.dup2(streams[role].fileno(), descriptor)
        streams[role].close()
    _reseed()
    _worker.main(began, *(streams[role].detach() for role in (FRAMES_IN, FRAMES_OUT, LIFELINE)))


def _reseed():
    """Python seeds `random` anew in each copy, and nothing else of its own needs it; numpy does not."""
    random = sys.modules.get("numpy.random")
    try:
        if random is not None:
            random.seed()
    except Exception as error:
        sys.stderr.write("fireweed: numpy.random could not be seeded anew: %r\n" % error)
