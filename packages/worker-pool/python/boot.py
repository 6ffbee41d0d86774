"""What the parent starts: `python boot.py`, with the descriptors of PROTOCOL.md and FIREWEED_TOKEN in the environment;
`python boot.py zygote` for a process that workers are forked from, `python boot.py check ...` for what the interpreter is and has.

This file must parse on Python 2.7: it says politely that an interpreter is too old. All else is in the package beside
it, which is imported rather than run, so that Python keeps its compiled form.
"""
import os
import sys
import time

NEED = (3, 9)


def refuse():
    import json

    exe = sys.executable or ""
    if isinstance(exe, bytes):
        exe = exe.decode("utf-8", "replace")
    have = ", ".join(str(n) for n in tuple(sys.version_info)[:3])
    line = 'FWBOOT {"error": "too-old", "have": [%s], "need": [3, 9], "exe": %s}\n' % (have, json.dumps(exe))
    os.write(4, line.encode("ascii"))
    os._exit(78)


def load(role):
    here = os.path.dirname(os.path.abspath(__file__))
    # Python puts the folder of a script first in sys.path (not under -I or -P): it is there for this import only, so
    # that nothing in it can shadow a module of the user.
    if here in sys.path[:1]:
        del sys.path[0]
    sys.path.insert(0, here)
    try:
        if role == "check":
            from fireweed._environment import main
        elif role == "zygote":
            from fireweed._zygote import main
        else:
            from fireweed._worker import main
    finally:
        del sys.path[0]
    return main


if __name__ == "__main__":
    if tuple(sys.version_info)[:2] < NEED:
        refuse()
    began = time.monotonic()
    load("".join(sys.argv[1:2]))(began)
