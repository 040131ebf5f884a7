"""Redaction of a stream while it comes: events are held until the deltas of their item have come."""

import json

from respool.protocol.events import TERMINAL_TYPES, loads
from respool.record.redaction import Redactor

_CLOSING = "response.output_item.done"


class StreamRedactor:
    """Redacts the events of one stream as they come.

    A secret can be cut across deltas, so the events from an item's first delta on are held until the item is
    done. A recorder that is killed loses these, and writes no secret.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held: list[str] = []
        self._open: set[str] = set()  # the output_index of items with open deltas, as JSON

    def feed(self, text: str) -> list[str]:
        """Take the text of one event, or of another frame; return what can be written now, in order."""
        self._held.append(text)
        self._follow(text)
        return [] if self._open else self.finish()

    def finish(self) -> list[str]:
        """Return what is still held: the stream has ended, or was cut."""
        held, self._held = self._held, []
        self._open.clear()
        return self._redactor.events(held)

    def _follow(self, text: str) -> None:
        try:
            event = loads(text)
        except ValueError:
            return
        if not isinstance(event, dict) or not isinstance(type_ := event.get("type"), str):
            return
        index = json.dumps(event.get("output_index"))
        if type_.endswith("delta") and isinstance(event.get("delta"), str):
            self._open.add(index)
        elif type_ == _CLOSING:
            self._open.discard(index)
        elif type_ in TERMINAL_TYPES:
            self._open.clear()
