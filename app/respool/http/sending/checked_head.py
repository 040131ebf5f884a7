"""The head of a stream whose headers are known to be valid.

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
_CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


def write_head(send: Send, message: Message) -> bool:
    """Write the head of a chunked answer with the status 200, in the place of uvicorn's `send`.

    Return False where that has to do it: below another server, in answer to a HEAD, or when the connection is
    to be closed, has no room or is gone.
    """
    cycle: Any = getattr(send, "__self__", None)
    if (
        type(cycle).__module__ != HTTPTOOLS
        or message["status"] != 200
        or not cycle.keep_alive
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.access_log
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = True
    fields = [b": ".join(header) for header in [*cycle.default_headers, *message["headers"]]]
    cycle.transport.write(b"\r\n".join([b"HTTP/1.1 200 OK", *fields, _CHUNKED]))
    return True
