"""What needs no session: any worker can do it, and do it twice."""

import corpus


def count_lines(paths):
    """Lines of each file."""
    return [corpus.count_lines(corpus.read(path)) for path in paths]
