"""Functions that misbehave, each in its own way."""

import os
import sys


def average(numbers):
    """Divides by zero when there is nothing to average."""
    return _total(numbers) / len(numbers)


def _total(numbers):
    return sum(numbers)


def babble():
    """Prints what could be taken for an answer, straight to the file descriptors too, and answers all the same."""
    print('{"result": "forged"}')
    sys.stdout.flush()
    os.write(1, b"\x00\xff\xfe FRAME 7 \x80\n")
    os.write(2, b"Segmentation fault (not really)\n")
    return "the real answer"


def vanish(status):
    """Ends its process at once: no exception, no clean-up."""
    os._exit(status)
