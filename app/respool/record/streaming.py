"""Redaction of a stream while it comes: events are held while a secret may be cut across their deltas."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from respool.protocol.events import CREATED, TERMINAL_TYPES, loads
from respool.record.redaction import Redactor

_OPENING = "response.output_item.added"
_CLOSING = "response.output_item.done"
# Texts for people: a secret in them has no white space, but for a few kinds. Arguments of calls are JSON.
_OF_TEXT = frozenset(
    "response.output_text.delta response.refusal.delta response.reasoning_text.delta "
    "response.reasoning_summary_text.delta".split()
)
# In a line that has none of these, white space ends any secret: values in JSON and cookies
# may hold some. Words have apostrophes and colons.
_WIDE = frozenset('"={}')
_BEGIN, _END = "-----BEGIN", "-----END"
_MOST_HELD = 64  # events that are held before those that can be given are
_PATIENCE = 0.5  # seconds of the stream after which they are
_CONTEXT = 24  # events that are looked at again, since what stands before a secret tells what it is


@dataclass(slots=True)
class _Text:
    """A text that comes in deltas: the line that it is in, and what is known of it."""

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
        """Return True if no secret can go on from here to `next_`, which follows."""
        if self.is_json or self.in_key:
            return False
        if self.line in ("", "\n") or next_.startswith("\n"):
            return True
        space = self.line[-1:].isspace() or next_[:1].isspace()
        return space and _WIDE.isdisjoint(self.line) and "cookie" not in self.line.lower()


@dataclass(slots=True)
class StreamRedactor:
    """Redacts the events of one stream as they come.

    A secret can be cut across deltas. So events are held from an item's first delta on: those of texts until
    white space or a line's end says that no secret goes on, all others until the item is done. With rules of
    the user's own, texts are held until then, too. A recorder that is killed loses what is held, at most half
    a second of a text, and writes no secret.

    There is no tail of arguments that would be long enough to hold. They are JSON, in which a secret has no
    greatest length: the name of its field makes a value a secret, whatever it is. And JSON that is not whole
    is read as plain text, in which fewer secrets are found.
    """

    redactor: Redactor
    _held: list[str] = field(default_factory=list)
    _open: set[tuple[str, str]] = field(default_factory=set)  # items that are held until they are done
    _added: set[str] = field(default_factory=set)  # ids of items
    _running: int = 0  # responses; several in the multi-agent beta
    _texts: dict[tuple[str, str, str], _Text] = field(default_factory=dict)  # those that come, by their place
    _given: deque[str] = field(default_factory=lambda: deque(maxlen=8 * _CONTEXT))
    _ready: int = 0  # how many of those held can be given
    _waited: float = 0.0

    def feed(self, text: str, seconds: float = 0.0) -> list[str]:
        """Take the text of one event, or of another frame, which came `seconds` after the one before. Return
        what can be written of those held, the first ones, in order."""
        self._follow(text)
        self._held.append(text)
        self._waited += seconds
        if not self._open and not self._texts:
            return self.finish()
        if self._ready and (self._ready >= _MOST_HELD or self._waited >= _PATIENCE):
            return self._give(self._ready)
        return []

    def finish(self) -> list[str]:
        """Return what is still held: the stream has ended, or was cut."""
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
        """Return the events before those held, from a place on at which no secret is cut."""
        before = list(self._given)
        for start in range(max(0, len(before) - _CONTEXT), -1, -1):
            if start == 0 or _delta(before[start])[:1].isspace():
                return before[start:]
        return []

    def _follow(self, text: str) -> None:
        """Take note of what an event says of the texts that come."""
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
            if not self._running:  # items of the others are told apart by their ids, or held to the end
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
        """Close the item that is done: that at its place, unless several responses have one there."""
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
