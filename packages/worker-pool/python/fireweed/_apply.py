"""Where user code is called from: the one module of the runtime with the builtins that all share, since `exec` and `eval` hand on those
of their caller.
"""


def apply(function, args, kwargs):
    return function(*args, **kwargs)


def apply_items(function, items, kwargs, results, odd):
    """Call it with each item, and add what it gives to `results`; stop at what is of an `odd` type, and give that."""
    add = results.append
    for item in items:
        value = function(item, **kwargs) if kwargs else function(item)
        if type(value) in odd:
            return value
        add(value)
    return None


def apply_calls(function, items, _kwargs, results, odd):
    """The same where each item has arguments of its own, `[args, kwargs]`."""
    add = results.append
    for args, kwargs in items:
        value = function(*args, **kwargs) if kwargs else function(*args)
        if type(value) in odd:
            return value
        add(value)
    return None
