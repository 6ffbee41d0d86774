"""The Python ends of the benchmarks: functions for pools that import this file, and other ways to be called, by name: `peers.py <name>`."""

import json
import math
import os
import sys
from array import array
from base64 import b64decode, b64encode

LARGE = 10_000_000
_bytes = bytes(range(250)) * (LARGE // 250)
_doubles = array("d", [0.37]) * (LARGE // 8)
_made = {}

# -------------------------------------------------------------------- functions


def same(value):
    return value


def some_bytes():
    return _bytes


def some_doubles():
    return _doubles


def some_ndarray():
    import numpy

    return _made.setdefault("ndarray", numpy.full(LARGE // 8, 0.37))


def same_base64(text):
    """What `same` is for bytes where only text can be carried."""
    return b64encode(same(b64decode(text))).decode()


# -------------------------------------------------------------------- other ways to be called


def raw_echo():
    while True:
        data = os.read(3, 65536)
        if not data:
            break
        while data:
            data = data[os.write(4, data) :]


def json_items():
    """Lines of JSON, each written when it is there, and as many as are asked for."""
    for line in sys.stdin:
        for _ in range(int(line)):
            sys.stdout.write(json.dumps(["item", 7]) + "\n")
            sys.stdout.flush()


METHODS = {
    "sqrt": math.sqrt,
    "length": lambda text: len(b64decode(text)),
    "bytes": lambda: b64encode(_bytes).decode(),
    "doubles": lambda: b64encode(_doubles).decode(),
    "same": same_base64,
}


def json_lines():
    """A request is a line `[method, args]`, and so is the answer: `[result]`."""
    for line in sys.stdin.buffer:
        method, args = json.loads(line)
        sys.stdout.buffer.write(json.dumps([METHODS[method](*args)]).encode() + b"\n")
        sys.stdout.buffer.flush()


def text_lines():
    for line in sys.stdin:
        print(same_base64(line), flush=True)


def multiprocessing_pool():
    """For each line, that many calls, one after the other."""
    from multiprocessing import Pool

    with Pool(1) as pool:
        for line in sys.stdin:
            for _ in range(int(line)):
                pool.apply(math.sqrt, (16,))
            print("done", flush=True)


def multiprocessing_map():
    """For each line, one function over that many items, as a list."""
    from multiprocessing import Pool

    with Pool(1) as pool:
        for line in sys.stdin:
            pool.map(math.sqrt, range(int(line)), 1000)
            print("done", flush=True)


def multiprocessing_imap():
    """For each line, one function over that many items, one result after the other."""
    from multiprocessing import Pool

    with Pool(1) as pool:
        for line in sys.stdin:
            for _ in pool.imap(math.sqrt, range(int(line)), 1000):
                pass
            print("done", flush=True)


def json_batches():
    """A request is a line `[items]`, and so is the answer, with what the function gives for each: a batch, made by hand."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps([math.sqrt(item) for item in json.loads(line)]).encode() + b"\n")
        sys.stdout.buffer.flush()


def process_pool_executor():
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as executor:
        for line in sys.stdin:
            for _ in range(int(line)):
                executor.submit(math.sqrt, 16).result()
            print("done", flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
