"""A parent for tests: one real worker over real descriptors 3, 4 and 5, spoken to in frames."""

import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOOT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "python", "boot.py")
sys.path.insert(0, os.path.dirname(BOOT))  # for the tests of single modules
EMBEDDED = os.environ.get("FIREWEED_EMBEDDED") == "1"  # the worker is made of a string, not of files
PATIENCE = 20  # seconds; only ever waited for when something is broken

INIT, CALL, CANCEL, PING, CREDIT, CALLBACK_RESULT, CALLBACK_ERROR = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
SHUTDOWN, OPEN, CLOSE = 0x08, 0x09, 0x0A
HELLO, READY, RESULT, ERROR, ITEM, END, CALLBACK, LOG = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88
PONG, BYE, FATAL, REPORT = 0x89, 0x8A, 0x8B, 0x8C
HEADER = struct.Struct("<HBBIIHHQ")


def embedded():
    """The arguments and the variables that start a worker from what the TypeScript half holds of this one."""
    with open(os.path.join(os.path.dirname(BOOT), "..", "src", "internal", "embedded.ts")) as file:
        text = file.read()
    loader = re.search(r'^export const loader: string = (".*")$', text, re.M).group(1)
    files = json.dumps(dict(re.findall(r'^  "([^"]+)":\s+"([^"]+)",?$', text, re.M)))
    pieces = {"FIREWEED_RUNTIME_%d" % i: files[i * 30_000 : (i + 1) * 30_000] for i in range(-(-len(files) // 30_000))}
    return ["-c", json.loads(loader)], pieces


class Failed(Exception):
    """An ERROR frame."""

    def __init__(self, report):
        Exception.__init__(self, "%s: %s" % (report["code"], report["message"]))
        self.report, self.code, self.started = report, report["code"], report["started"]
        self.error = report.get("error")


class Gone(Exception):
    """The worker closed its stream."""


def frame(kind, call_id=0, meta=b"", flags=1):
    return HEADER.pack(0x5746, kind, flags, call_id, len(meta), 0, 0, len(meta)) + meta


class Worker:
    """`init=None` sends no INIT; `argv` replaces the whole command line; what else is given goes into INIT."""

    def __init__(self, init=True, env=None, argv=None, limits=None, path=None, **more):
        pairs = [socket.socketpair() for _ in range(3)]
        (self.to, to), (self.out, out), (self.life, life) = pairs
        streams = [os.pipe(), os.pipe()]
        # First out of the way: the numbers 3, 4 and 5 may be among what we have just opened.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 50) for end in (streams[0][1], streams[1][1], to, out, life)]
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in zip(high, (1, 2, 3, 4, 5))]
        variables = {}
        if argv is None:
            code, variables = embedded() if EMBEDDED else ([BOOT], {})
            argv = [sys.executable, *code]
        env = dict(os.environ, FIREWEED_TOKEN="t0ken", **variables, **(env or {}))
        self.began = time.perf_counter()
        self.pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
        for fd in high + [streams[0][1], streams[1][1]]:
            os.close(fd)
        for end in (to, out, life):
            end.close()
        self.status, self.printed, self.errors = None, bytearray(), bytearray()
        self._drains = [
            threading.Thread(target=_drain, args=(streams[i][0], sink), daemon=True)
            for i, sink in enumerate((self.printed, self.errors))
        ]
        for thread in self._drains:
            thread.start()
        self._data, self.last, self.report = b"", 0, None
        if init:
            self.hello = self.expect(HELLO)
            self.initialise(limits or {}, path, **more)
            self.ready = self.expect(READY)
            self.handshake = time.perf_counter() - self.began

    def initialise(self, limits, path=None, **more):
        self.send(INIT, 0, {"proto": 1, "path": [HERE] if path is None else path, "limits": limits, **more})

    # ------------------------------------------------------------ frames

    def raw(self, data):
        self.to.sendall(data)

    def send(self, kind, call_id=0, meta=None):
        self.raw(frame(kind, call_id, b"" if meta is None else json.dumps(meta).encode()))

    def receive(self, timeout=PATIENCE):
        """The next frame as (kind, id, value). A REPORT, which may come after any call, is kept in `report` instead."""
        kind, call_id, value = self._receive(timeout)
        while kind == REPORT:
            self.report = value
            kind, call_id, value = self._receive(timeout)
        return kind, call_id, value

    def _receive(self, timeout):
        magic, kind, flags, call_id, length, nbuf, reserved, body = HEADER.unpack(self._take(24, timeout))
        assert (magic, flags, nbuf, reserved, length) == (0x5746, 1, 0, 0, body)
        meta = self._take(body, timeout)
        return kind, call_id, json.loads(meta.decode()) if meta else None

    def expect(self, kind, call_id=0):
        got = self.receive()
        assert got[:2] == (kind, call_id), "expected 0x%02x of %d, got %r" % (kind, call_id, got)
        return got[2]

    def quiet(self, seconds=0.05):
        """Whether nothing more comes, but for a REPORT."""
        while self._data or select.select([self.out], [], [], seconds)[0]:
            kind, _, value = self._receive(seconds)
            if kind != REPORT:
                return False
            self.report = value
        return True

    # ------------------------------------------------------------ calls

    def call(self, target, *args, **opts):
        """Send a CALL, return its id. A bare name is one of targets.py."""
        kwargs = opts.pop("kwargs", None)
        self.last += 1
        if ":" not in target and "session" not in opts:
            target = "targets:" + target
        self.send(CALL, self.last, [[target, list(args), kwargs], opts or None])
        return self.last

    def open(self, name, target, *args, **kwargs):
        self.last += 1
        self.send(OPEN, self.last, [["targets:" + target, list(args), kwargs or None], {"session": name}])
        return self.result(self.last)

    def close_session(self, name):
        self.last += 1
        self.send(CLOSE, self.last, {"session": name})
        return self.result(self.last)

    def result(self, call_id):
        """The value of a call, or `Failed`. The frame must be the next one."""
        kind, got, value = self.receive()
        assert got == call_id, "expected an answer to %d, got %r" % (call_id, (kind, got, value))
        if kind == ERROR:
            raise Failed(value)
        assert kind == RESULT, hex(kind)
        return value

    def ask(self, target, *args, **opts):
        return self.result(self.call(target, *args, **opts))

    def fails(self, target, *args, **opts):
        try:
            value = self.ask(target, *args, **opts)
        except Failed as failed:
            return failed
        raise AssertionError("expected a failure, got %r" % (value,))

    def cancel(self, call_id):
        self.send(CANCEL, call_id)

    def ring(self):
        os.kill(self.hello["pid"], signal.SIGUSR1)

    # ------------------------------------------------------------ streams

    def credit(self, call_id, count):
        self.send(CREDIT, call_id, count)

    def items(self, call_id, count):
        """The next frames, which must be so many items."""
        return [self.expect(ITEM, call_id) for _ in range(count)]

    def drain(self, call_id, credit):
        """All items of a stream and what its end says; credits are given back one by one."""
        items = []
        while True:
            kind, got, value = self.receive()
            assert got == call_id, (kind, got, value)
            if kind == ERROR:
                raise Failed(value)
            if kind == END:
                return items, value
            assert kind == ITEM, hex(kind)
            assert credit > 0, "an item beyond the credit"
            items.append(value)
            self.credit(call_id, 1)

    # ------------------------------------------------------------ end

    def wait(self, timeout=PATIENCE):
        """The exit status; minus a signal's number if one killed it."""
        end = time.monotonic() + timeout
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            elif time.monotonic() > end:
                raise AssertionError("the worker is still alive")
            else:
                time.sleep(0.002)
        return self.status

    def output(self):
        """What it printed and what it wrote to standard error, after its end."""
        for thread in self._drains:
            thread.join(PATIENCE)
        return self.printed.decode(), self.errors.decode()

    def shutdown(self):
        self.send(SHUTDOWN)
        self.expect(BYE)
        return self.wait()

    def dispose(self):
        """Kill the group, whatever state the worker is in; of one that has left, its children may be there."""
        for kill in (os.killpg, os.kill) if self.status is None else (os.killpg,):
            try:
                kill(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if self.status is None:
            self.wait()
        for end in (self.to, self.out, self.life):
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dispose()

    def _take(self, size, timeout):
        parts, have = [self._data], len(self._data)
        while have < size:
            if not select.select([self.out], [], [], timeout)[0]:
                raise AssertionError("no frame in %d s; stderr: %s" % (timeout, self.errors[-2000:].decode()))
            try:
                data = self.out.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Gone
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self._data = data[size:]
        return data[:size]


def alive(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def _drain(fd, sink):
    with os.fdopen(fd, "rb", 0) as stream:
        while True:
            data = stream.read(65536)
            if not data:
                return
            sink += data
