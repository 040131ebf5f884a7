"""The head of a stream whose headers are known to be valid, and the whole of a short one.

uvicorn's `send` looks at every header of every answer with two regular expressions, which is a tenth of a
short answer's cost. Ours were checked when their recording was read. What is written here is the same to the
byte: `tests/http/test_private_parts.py` compares it with what `send` writes.
"""

from typing import Any

from starlette.types import Message, Send

HTTPTOOLS = "uvicorn.protocols.http.httptools_impl"
# In the message that begins an answer: its headers can be sent as they are, and none is about its length or
# the connection's end.
CHECKED = "respool.checked"
# In the same message: the whole body, not empty. If `write_head` writes it, the answer is complete.
WHOLE = "respool.whole"
_CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


def writes_heads_of(cycle: Any, status: int) -> bool:
    """Return True if `write_head` can write the head of an answer with this status now."""
    return bool(
        type(cycle).__module__ == HTTPTOOLS
        and status == 200
        and cycle.keep_alive
        and not cycle.response_started
        and not cycle.disconnected
        and not cycle.flow.write_paused
        and not cycle.access_log
        and cycle.scope["method"] != "HEAD"
    )


def write_head(send: Send, message: Message) -> bool:
    """Write the head of a chunked answer with the status 200, in the place of uvicorn's `send`; with a WHOLE
    body, all of it, in one write.

    Return False where that has to do it: below another server, in answer to a HEAD, or when the connection is
    to be closed, has no room or is gone.
    """
    cycle: Any = getattr(send, "__self__", None)
    if not writes_heads_of(cycle, message["status"]):
        return False
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = True
    fields = [b": ".join(header) for header in [*cycle.default_headers, *message["headers"]]]
    body = message.get(WHOLE)
    if body is None:
        cycle.transport.write(b"\r\n".join([b"HTTP/1.1 200 OK", *fields, _CHUNKED]))
        return True
    cycle.transport.write(
        b"\r\n".join([b"HTTP/1.1 200 OK", *fields, _CHUNKED + b"%x" % len(body), body, b"0\r\n\r\n"])
    )
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True
