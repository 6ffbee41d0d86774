"""The zygote: a process that has imported what its workers need, and is copied for each of them. Linux.

It has one thread, and runs no user code after the preload. Its control stream carries the frames of PROTOCOL.md: FORK
makes a worker, which connects to the parent by itself; KILL signals one; FORKED and EXITED answer. All processes below
it are its own in the end: what a worker leaves behind is adopted, and ended; when the control stream ends, all are.
"""

import gc
import os
import sys
import time
from select import POLLIN, poll

import _signal as signal

from . import _forked, _frame, _lifeline, _orphans, _process, _threads, _wire
from ._builtins import __builtins__
from ._errors import Refused, describe, message_of, type_name
from ._hooks import HookFailed
from ._json import Json
from ._preload import preload

_FORK_LIMIT = 30  # seconds; a fork that takes longer waits for a lock that nobody will release

_now, _exit, _fork, _kill, _killpg, _wait4, _waitid = (
    time.monotonic,
    os._exit,
    os.fork,
    os.kill,
    os.killpg,
    os.wait4,
    os.waitid,
)
_DEAD = os.WEXITED | os.WNOHANG | os.WNOWAIT
_names = {number: name for name, number in vars(signal).items() if name.startswith("SIG") and name[3:4].isalpha()}


def main(began):
    """Be a zygote until the end; in a copy, be a worker. `began` is the monotonic time at which the program started."""
    del sys.argv[1:]  # "zygote" is nobody's argument
    try:
        wire = _wire.Wire(_wire.claim(3), _wire.claim(4), _frame.TO_ZYGOTE)
    except OSError:
        sys.exit("fireweed: this program is started by a worker pool, which opens descriptors 3, 4 and 5 for it")
    zygote = Zygote(wire)
    try:
        zygote.start(began)
        order = zygote.run()
    except _wire.Closed:
        zygote.end()
    except BaseException as error:
        zygote.fatal(error)
    try:
        zygote.leave_behind()
        _forked.become_worker(*order)
    except BaseException as error:  # a copy must not run what the zygote would at its end
        sys.excepthook(type(error), error, error.__traceback__)
        _process.flush()
        _exit(1)


class Zygote:
    def __init__(self, wire):
        self._wire = wire
        self._workers = {}  # pid -> token, of those not waited for yet: while it is here, no other process has its number
        self._kept = set()  # processes that the preload started
        self._threads = []  # which preload left how many
        self._phase = "init"

    # ---------------------------------------------------------------- start and end

    def start(self, began):
        token = os.environ.pop("FIREWEED_TOKEN", "")
        _lifeline.lead_group()
        self._lifeline = _wire.claim(5)
        _lifeline.arm(self._lifeline)  # for as long as user code runs here
        _process.prepare()
        self._wire.send(_frame.HELLO, 0, Json.flags, *Json.encode(_process.hello(token, [Json.name])))
        kind, flags, _, *payload = self._wire.receive()
        init = Json.decode(*payload) if kind == _frame.INIT and flags == Json.flags else None
        if type(init) is not dict or init.get("proto") != _frame.PROTO:
            raise _frame.Violation("INIT must come first, an object with proto %d" % _frame.PROTO)
        self._path = [str(folder) for folder in init.get("path") or ()]
        sys.path[0:0] = self._path
        self._preload(init.get("preload") or ())
        _orphans.adopt()
        self._kept = set(_orphans.children())
        self._listen()
        # Stopped or not, it must see the end of its control stream, and has more to end then than itself.
        _lifeline.arm(self._lifeline, signal.SIGCONT)
        self._collecting = gc.isenabled()
        gc.collect()
        gc.disable()
        gc.freeze()  # a collection in a copy would write to, and so copy, every page that has an object
        self._phase = "runtime"
        self._send(_frame.READY, {"ms": round((_now() - began) * 1000, 3)})

    def fatal(self, error):
        """Say why, and leave. Workers go on without it."""
        stated = isinstance(error, (_frame.Violation, Refused))
        report = {"phase": self._phase, "message": message_of(error) if stated else type_name(type(error))}
        cause = error.cause if type(error) is HookFailed else None if stated else error
        if cause is not None:
            report["error"] = describe(cause)
        try:
            self._send(_frame.FATAL, report)
        except _wire.Closed:
            pass
        _process.flush()
        _exit(79)

    def end(self):
        """Nothing that comes from here stays: the workers and their groups, then whatever else is below, one generation after the other."""
        for pid in self._workers:
            _end_group(pid)
        while True:
            for pid in _orphans.children():
                _signal_to(_kill, pid, signal.SIGKILL)
            try:
                _wait4(-1, 0)
            except ChildProcessError:
                break
        _process.flush()
        _exit(0)

    def leave_behind(self):
        """In a copy: nothing of the zygote's stays open or set."""
        self._wire.abandon()
        for fd in (self._lifeline, *self._wake_up):
            os.close(fd)
        signal.set_wakeup_fd(self._previous[0])
        for number, handler in zip((signal.SIGCHLD, signal.SIGALRM), self._previous[1:]):
            if handler is not None:
                signal.signal(number, handler)
        if sys.path[: len(self._path)] == self._path:
            del sys.path[: len(self._path)]  # INIT brings them again
        if self._collecting:
            gc.enable()

    def _preload(self, names):
        before = _threads.count()

        def look(name):
            nonlocal before
            now = _threads.count()
            if now > before:
                self._threads.append(name)
            before = now

        preload(names, look)
        _threads.settle()
        _process.flush()

    def _listen(self):
        self._wake_up = os.pipe()
        for fd in self._wake_up:
            os.set_blocking(fd, False)
        self._wake_up = tuple(map(_wire.claim, self._wake_up))
        self._previous = (
            signal.set_wakeup_fd(self._wake_up[1], warn_on_full_buffer=False),
            signal.signal(signal.SIGCHLD, lambda number, frame: None),
            signal.signal(signal.SIGALRM, signal.SIG_DFL),
        )

    # ---------------------------------------------------------------- loop

    def run(self):
        """Returns only in a copy, with what it was told."""
        control, wake_up = self._wire.fileno(), self._wake_up[0]
        ready = poll()
        ready.register(control, POLLIN)
        ready.register(wake_up, POLLIN)
        while True:
            events = {fd for fd, _ in ready.poll()}
            if wake_up in events:
                os.read(wake_up, 4096)
                self._bury()
            while control in events:
                order = self._obey(*self._wire.receive())
                if order is not None:
                    return order
                if not self._wire.has_more():
                    break

    def _obey(self, kind, flags, _, *payload):
        if kind == _frame.SHUTDOWN:
            raise _wire.Closed("asked to leave")
        meta = Json.decode(*payload) if flags == Json.flags else None
        token = meta.get("token") if type(meta) is dict else None
        if type(token) is not str:
            raise _frame.Violation("kind 0x%02x without a token" % kind)
        if kind == _frame.FORK:
            return self._copy(token, meta)
        if kind == _frame.KILL:
            self._signal(token, meta.get("signal"), meta.get("group") is True)
            return None
        raise _frame.Violation("kind 0x%02x after READY" % kind)

    def _copy(self, token, order):
        path, env = order.get("path"), order.get("env")
        if type(path) is not str or type(env) is not dict:
            raise _frame.Violation("FORK without a path or an environment")
        if _threads.count() > 1:
            self._send(_frame.FORKED, {"token": token, "refused": self._blame()})
            return None
        signal.setitimer(signal.ITIMER_REAL, _FORK_LIMIT)  # its default is the end; a copy does not have it
        try:
            pid = _fork()
        except OSError as error:  # no memory, too many processes: may be better the next time
            self._send(_frame.FORKED, {"token": token, "failed": "cannot fork: %s" % error})
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if pid == 0:
            return token, path, env
        self._workers[pid] = token
        self._send(_frame.FORKED, {"token": token, "pid": pid})
        return None

    def _blame(self):
        who = " and ".join(repr(name) for name in self._threads)
        names = ", ".join(_threads.names())
        return "the preload%s started threads%s, which a fork would lose" % (
            " of " + who if who else "",
            " (%s)" % names if names else "",
        )

    def _signal(self, token, number, group):
        if type(number) is not int:
            raise _frame.Violation("KILL without the number of a signal")
        for pid, other in self._workers.items():
            if other == token:
                if group:
                    _signal_to(_killpg, pid, number)
                _signal_to(_kill, pid, number)

    def _bury(self):
        """Take note of the dead, and end what they left behind."""
        while True:
            try:
                dead = _waitid(os.P_ALL, 0, _DEAD)
            except ChildProcessError:
                return
            if dead is None:
                break
            pid = dead.si_pid
            if pid in self._workers:
                _end_group(pid)  # while its number is still its own
            _, status, usage = _wait4(pid, 0)
            self._kept.discard(pid)
            token = self._workers.pop(pid, None)
            if token is not None:
                self._send(_frame.EXITED, {"token": token, **_described(status, usage)})
        for pid in _orphans.children():
            if pid not in self._workers and pid not in self._kept:
                _signal_to(_kill, pid, signal.SIGKILL)

    def _send(self, kind, value):
        self._wire.send(kind, 0, Json.flags, *Json.encode(value))


def _described(status, usage):
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return {
        "code": None if killed else os.WEXITSTATUS(status),
        "signal": _names.get(killed, "SIG%d" % killed) if killed else None,
        "maxrss": usage.ru_maxrss * 1024,
        "cpu": round(usage.ru_utime + usage.ru_stime, 3),
    }


def _end_group(pid):
    _signal_to(_killpg, pid, signal.SIGKILL)
    _signal_to(_kill, pid, signal.SIGKILL)


def _signal_to(send, pid, number):
    try:
        send(pid, number)
    except OSError:  # gone already
        pass
