"""The trace that a call belongs to, for those who go on with it."""

from . import _cancel


def trace_context():
    """What W3C Trace Context calls a carrier: `{"traceparent": "00-..."}`, or `{}` where no call with a span is known.

    It is there in the code of a call, and in tasks and threads that carry its context (`asyncio.to_thread` does). OpenTelemetry goes on with it:

        from opentelemetry.propagate import extract
        with tracer.start_as_current_span("work", context=extract(fireweed.trace_context())):
            ...
    """
    call = _cancel.current.get()
    return {} if call is None or call.trace is None else {"traceparent": call.trace}
