"""Fireweed's Python side: what user code may import. Everything with an underscore is the runtime's own."""

__version__ = "0.0.0"
__all__ = ["Cancelled", "__version__"]


class Cancelled(BaseException):
    """Raised in a running call when the parent cancels it.

    Not an `Exception`, so that `except Exception` lets it pass. Clean up in `finally`, soon: a call that does not end
    within the parent's grace period is ended by killing the worker.
    """
