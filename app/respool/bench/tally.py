"""Counts the events of an answer from any server, in any split of its bytes."""

import json
import re
from typing import Any

_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_DONE = b"[DONE]"  # sent by some servers after the last event
_SHORT = 64  # bytes; only shorter events are searched for [DONE], since a search takes longer than counting

# The problem of an answer with unknown events, by the type of its last event; "" for none.
VERDICTS = {
    "response.completed": "",
    "response.incomplete": "",
    "response.failed": "response.failed",
    "error": "error event",
}


class EventCounter:
    """Counts server-sent events with data; comments and ``[DONE]`` do not count.

    Lines may end in LF, CRLF or CR. Source: the HTML standard, "Parsing an event stream".
    """

    def __init__(self) -> None:
        self._rest = b""  # of the event that is not complete
        self._return = False  # True if the last byte was a CR: an LF may follow
        self._last = b""

    def feed(self, data: bytes) -> int:
        """Return the number of events that `data` completes."""
        if self._return and data:
            data, self._return = data.removeprefix(b"\n"), False
        self._return |= data.endswith(b"\r")
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        count = 0
        for block in blocks:
            if block.startswith(b"data:") or b"\ndata:" in block:
                if len(block) < _SHORT and _data(block) == _DONE:
                    continue
                count += 1
                self._last = block
        return count

    def verdict(self) -> str:
        """Return the problem of an answer that ends with the last event; "" if there is none."""
        try:
            event: Any = json.loads(_data(self._last))
            return VERDICTS[event["type"]]
        except (ValueError, LookupError, TypeError):
            return "no terminal event"


def _data(block: bytes) -> bytes:
    return b"\n".join(_DATA.findall(block))
