"""Redaction of a stream while it comes: events are held while a secret may be cut across their deltas."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.protocol.events import CREATED, TERMINAL_TYPES, loads
from respool.record.redaction import Redactor

_OPENING = "response.output_item.added"
_CLOSING = "response.output_item.done"
# Prose: a secret in it has no white space, except for a few kinds. Arguments of calls are JSON.
_OF_TEXT = frozenset(
    "response.output_text.delta response.refusal.delta response.reasoning_text.delta "
    "response.reasoning_summary_text.delta".split()
)
# In a line without these characters, white space ends any secret: values in JSON and cookies may hold some.
# Apostrophes and colons are not among them, since prose has those.
_WIDE = frozenset('"={}')
_BEGIN, _END = "-----BEGIN", "-----END"
_MOST_HELD = 64  # events that are held before the ready ones are returned
_PATIENCE = 0.5  # seconds of the stream after which the ready ones are returned
_CONTEXT = 24  # events that are searched again, since the text before a secret shows its kind


@dataclass(slots=True)
class _Text:
    """The current line of a text that comes in deltas."""

    line: str = ""
    begun: bool = False
    is_json: bool = False
    in_key: bool = False

    def add(self, delta: str) -> None:
        if not self.begun and delta.strip():
            self.begun, self.is_json = True, delta.lstrip()[0] in "{["
        self.line += delta
        if _BEGIN in self.line:
            self.in_key = True
        if _END in self.line:
            self.in_key = False
        if "\n" in self.line:
            self.line = self.line[self.line.rindex("\n") :]

    def may_be_cut(self, next_: str = "") -> bool:
        """Return True if no secret can continue from here into `next_`."""
        if self.is_json or self.in_key:
            return False
        if self.line in ("", "\n") or next_.startswith("\n"):
            return True
        space = self.line[-1:].isspace() or next_[:1].isspace()
        return space and _WIDE.isdisjoint(self.line) and "cookie" not in self.line.lower()


@dataclass(slots=True)
class StreamRedactor:
    """Redacts the events of one stream as they come.

    A secret can be cut across deltas. So events are held from an item's first delta on: those of prose until
    white space or a line's end, where no secret continues; all others until the item is done. With the user's
    own rules, prose is held until then, too. A recorder that is killed loses the held events, at most half a
    second of prose, and writes no secret.

    Arguments of calls are held to their end. They are JSON, in which a secret may have any length: the name
    of its field makes any value a secret. And incomplete JSON is searched as plain text, which finds fewer
    secrets.
    """

    redactor: Redactor
    _held: list[str] = field(default_factory=list)
    _open: set[tuple[str, str]] = field(default_factory=set)  # items that are held until they are done
    _added: set[str] = field(default_factory=set)  # ids of items
    _running: int = 0  # responses; several in the multi-agent beta
    _texts: dict[tuple[str, str, str], _Text] = field(
        default_factory=dict
    )  # unfinished texts, by their place
    _given: deque[str] = field(default_factory=lambda: deque(maxlen=8 * _CONTEXT))
    _ready: int = 0  # the number of held events that can be returned
    _waited: float = 0.0

    def feed(self, text: str, seconds: float = 0.0) -> list[str]:
        """Take the text of one event or other frame, which came `seconds` after the one before. Return the
        redacted texts that can be written, in order."""
        self._follow(text)
        self._held.append(text)
        self._waited += seconds
        if not self._open and not self._texts:
            return self.finish()
        if self._ready and (self._ready >= _MOST_HELD or self._waited >= _PATIENCE):
            return self._give(self._ready)
        return []

    def finish(self) -> list[str]:
        """Return the held texts, redacted: the stream has ended, or was cut."""
        self._open.clear()
        self._texts.clear()
        found = self._give(len(self._held))
        self._given.clear()
        return found

    def _give(self, count: int) -> list[str]:
        given, self._held = self._held[:count], self._held[count:]
        self._ready = 0
        self._waited = 0.0
        context = self._context()
        found = self.redactor.events([*context, *given])[len(context) :]
        self._given.extend(given)
        return found

    def _context(self) -> list[str]:
        """Return the events before the held ones, from a place where no secret is cut."""
        before = list(self._given)
        for start in range(max(0, len(before) - _CONTEXT), -1, -1):
            if start == 0 or _delta(before[start])[:1].isspace():
                return before[start:]
        return []

    def _follow(self, text: str) -> None:
        """Update the unfinished items and texts with an event."""
        try:
            event = loads(text)
        except ValueError:
            return
        if not isinstance(event, dict) or not isinstance(type_ := event.get("type"), str):
            return
        index = repr(event.get("output_index"))
        item = event.get("item")
        id_ = repr(item.get("id") if isinstance(item, dict) else event.get("item_id"))
        if type_ == _OPENING:
            self._added.add(id_)
        key = (index, id_ if id_ in self._added else "")
        if type_ == CREATED:
            self._running += 1
        elif type_ in TERMINAL_TYPES:
            self._running = max(0, self._running - 1)
            if not self._running:  # items of several responses are distinguished by id, or held
                self._open.clear()
                self._texts.clear()
        elif type_.endswith("delta") and isinstance(delta := event.get("delta"), str):
            self._follow_delta(type_, delta, key, event)
        elif type_ == _CLOSING:
            self._close(key)

    def _follow_delta(self, type_: str, delta: str, key: tuple[str, str], event: Mapping[str, Any]) -> None:
        if type_ not in _OF_TEXT or self.redactor.has_own_rules:
            self._open.add(key)
            return
        place = (*key, repr([event.get("content_index"), event.get("summary_index")]))
        known = self._texts.setdefault(place, _Text())
        others = all(one.may_be_cut() for name, one in self._texts.items() if name != place)
        if not self._open and others and known.may_be_cut(delta):
            self._ready = len(self._held)
        known.add(delta)

    def _close(self, key: tuple[str, str]) -> None:
        """Close the items at the place of a finished one; with several responses, only those with its id."""
        known = slice(0, 1 if self._running < 2 else 2)
        self._open = {one for one in self._open if one[known] != key[known]}
        self._texts = {place: text for place, text in self._texts.items() if place[known] != key[known]}


def _delta(text: str) -> str:
    """Return the delta of an event; "" if it has none."""
    try:
        event: Any = loads(text)
    except ValueError:
        return ""
    delta = event.get("delta") if isinstance(event, dict) else None
    return delta if isinstance(delta, str) else ""
