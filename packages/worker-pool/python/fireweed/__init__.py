"""Fireweed's Python side: what user code may import. Everything with an underscore is the runtime's own.

    from fireweed import call_parent, expose

    @expose
    def summarize(path: str) -> dict:
        call_parent("progress", path)
        ...

`expose` gives a function or a class a name that the parent may call and a signature that the parent can read;
`call_parent` and `call_parent_async` call the functions that the parent put under a name in its option `callbacks`.
`trace_context` has the trace that the running call belongs to.
"""

__version__ = "0.0.0"
__all__ = ["CallbackError", "Cancelled", "__version__", "call_parent", "call_parent_async", "expose", "trace_context"]


class Cancelled(BaseException):
    """Raised in a running call when the parent cancels it.

    Not an `Exception`, so that `except Exception` lets it pass. Clean up in `finally`, `except` or `__exit__`, soon: a call
    that does not end within the parent's grace period is ended by killing the worker. It is raised again while the call
    goes on without handling it: one that was raised in a finalizer, or swallowed, has come to nothing.
    """


class CallbackError(Exception):
    """A call to the parent gave no value.

    `name` is the callback's. `type` and `message` say what went wrong: the name and the text of the error in the
    parent, or one of `UnknownCallback` (the parent has no function of that name), `InvalidArguments` and
    `InvalidResult` (a value cannot be sent), `CallEnded` (the call that it belongs to is over) and `NoCall` (it belongs
    to none, or to one of several).
    """

    def __init__(self, name, type, message):
        Exception.__init__(self, name, type, message)
        self.name, self.type, self.message = name, type, message

    def __str__(self):
        return "callback %r: %s: %s" % (self.name, self.type, self.message)


from ._callback import call_parent, call_parent_async  # noqa: E402 (they need what stands above)
from ._registry import expose  # noqa: E402
from ._trace import trace_context  # noqa: E402
